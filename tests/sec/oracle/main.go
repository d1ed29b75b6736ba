// Oracle says what Pod Security admission makes of pods: one question a line on standard input, one answer a line on standard output.
//
//	{"version": "v1.36", "pod": {"metadata": …, "spec": …}}
//	{"baseline": ["hostPorts"], "restricted": ["hostPorts", "runAsNonRoot"]}
//
// The answer names the checks that forbid the pod. A pod that the API server could not decode is answered by {"error": …}.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	kjson "sigs.k8s.io/json"
)

type question struct {
	Version string          `json:"version"`
	Pod     json.RawMessage `json:"pod"`
}

type answer struct {
	Baseline   []string `json:"baseline"`
	Restricted []string `json:"restricted"`
	Error      string   `json:"error,omitempty"`
}

func main() {
	checks := policy.DefaultChecks()
	evaluator, err := policy.NewEvaluator(checks, nil)
	exitOn(err)
	in, out := bufio.NewReaderSize(os.Stdin, 1<<20), bufio.NewWriter(os.Stdout)
	defer out.Flush()
	questions, answers := json.NewDecoder(in), json.NewEncoder(out)
	for questions.More() {
		var asked question
		exitOn(questions.Decode(&asked))
		version, err := api.ParseVersion(asked.Version)
		exitOn(err)
		var pod corev1.Pod
		// As the API server decodes: letter case counts, and what it does not know is dropped.
		if err := kjson.UnmarshalCaseSensitivePreserveInts(asked.Pod, &pod); err != nil {
			exitOn(answers.Encode(answer{Error: err.Error()}))
			continue
		}
		setDefaults(&pod.Spec)
		exitOn(answers.Encode(answer{
			Baseline:   judge(checks, evaluator, api.LevelBaseline, version, &pod),
			Restricted: judge(checks, evaluator, api.LevelRestricted, version, &pod),
		}))
	}
}

// judge names the checks of a level that forbid the pod, and makes sure that these are as many as the evaluator counts.
func judge(checks []policy.Check, evaluator policy.Evaluator, level api.Level, version api.Version, pod *corev1.Pod) []string {
	overridden := map[policy.CheckID]bool{}
	applying := map[policy.CheckID]policy.VersionedCheck{}
	for _, check := range checks {
		if check.Level == api.LevelRestricted && level == api.LevelBaseline {
			continue
		}
		for _, versioned := range check.Versions {
			if !version.Older(versioned.MinimumVersion) {
				applying[check.ID] = versioned
			}
		}
		for _, id := range applying[check.ID].OverrideCheckIDs {
			overridden[id] = true
		}
	}
	forbidding := []string{}
	for id, check := range applying {
		if !overridden[id] && !check.CheckPod(&pod.ObjectMeta, &pod.Spec).Allowed {
			forbidding = append(forbidding, string(id))
		}
	}
	slices.Sort(forbidding)
	counted := 0
	for _, result := range evaluator.EvaluatePod(api.LevelVersion{Level: level, Version: version}, &pod.ObjectMeta, &pod.Spec) {
		if !result.Allowed {
			counted++
		}
	}
	if counted != len(forbidding) {
		exitOn(fmt.Errorf("%s %s: the evaluator counts %d, the checks are %v", level, version, counted, forbidding))
	}
	return forbidding
}

// setDefaults fills in what the API server fills in before admission, as far as a check looks at it.
func setDefaults(spec *corev1.PodSpec) {
	for i := range spec.Volumes {
		if reflect.ValueOf(spec.Volumes[i].VolumeSource).IsZero() {
			spec.Volumes[i].EmptyDir = &corev1.EmptyDirVolumeSource{}
		}
	}
	if !spec.HostNetwork {
		return
	}
	for _, containers := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range containers {
			for j := range containers[i].Ports {
				if port := &containers[i].Ports[j]; port.HostPort == 0 {
					port.HostPort = port.ContainerPort
				}
			}
		}
	}
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
