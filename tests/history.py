"""A repository with a history: manifests that come, change, move and go, one commit after another, the same for the same seed."""

from __future__ import annotations

import os
import random
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from benchmarks.generate import documents

__all__ = ["Repository", "history"]

_TEAMS = ("nlp", "vision")
_FOLDERS = ("base", "overlays/prod", "overlays/dev", "platform")

# What lives beside workloads, and what rules look up: filled in with a namespace and a name.
_BESIDE = (
    "apiVersion: v1\nkind: Namespace\nmetadata: {{name: {team}, labels: {{team: {team}}}}}\n",
    "apiVersion: v1\nkind: ResourceQuota\nmetadata: {{name: q, namespace: {team}}}\nspec: {{hard: {{requests.nvidia.com/gpu: {n}}}}}\n",
    "apiVersion: v1\nkind: ResourceQuota\nmetadata: {{name: c, namespace: {team}}}\n"
    "spec: {{hard: {{requests.cpu: {n}, limits.memory: {n}Gi}}}}\n",
    "apiVersion: v1\nkind: LimitRange\nmetadata: {{name: l, namespace: {team}}}\n"
    "spec: {{limits: [{{type: Container, default: {{memory: {n}Gi}}, defaultRequest: {{cpu: 1}}}}]}}\n",
    "apiVersion: v1\nkind: LimitRange\nmetadata: {{name: g, namespace: {team}}}\n"
    "spec: {{limits: [{{type: Container, max: {{nvidia.com/gpu: {n}}}}}]}}\n",
    "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {{name: class-{n}}}\nvalue: {n}000\nglobalDefault: {flag}\n",
    "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: deny, namespace: {team}}}\nspec: {{podSelector: {{}}}}\n",
    "apiVersion: v1\nkind: Service\nmetadata: {{name: s-{n}, namespace: {team}}}\n"
    "spec: {{type: LoadBalancer, selector: {{app: {app}}}, ports: [{{port: 80, targetPort: {n}}}]}}\n",
    "apiVersion: v1\nkind: Service\nmetadata: {{name: loose-{n}}}\nspec: {{selector: {{app: pod-{n}}}, ports: [{{port: 8888}}]}}\n",
    "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{name: i, namespace: {team}}}\n"
    "spec: {{defaultBackend: {{service: {{name: s-{n}, port: {{number: 80}}}}}}}}\n",
    "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {{name: h-{n}, namespace: {team}}}\n"
    "spec: {{scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: {app}}}, minReplicas: 1, maxReplicas: {n}}}\n",
    "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {{name: p-{n}, namespace: {team}}}\n"
    "spec: {{minAvailable: {n}, selector: {{matchLabels: {{app: {app}}}}}}}\n",
    "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {{name: claim-{n}, namespace: {team}}}\n"
    "spec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 1Gi}}}}}}\n",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: settings-{n}, namespace: {team}}}\ndata: {{a: b}}\n",
    "apiVersion: resource.k8s.io/v1\nkind: ResourceClaimTemplate\nmetadata: {{name: gpu-{n}, namespace: {team}}}\n"
    "spec: {{spec: {{devices: {{requests: [{{name: gpu, exactly: {{deviceClassName: gpu.nvidia.com}}}}]}}}}}}\n",
    "apiVersion: kueue.x-k8s.io/v1beta1\nkind: LocalQueue\nmetadata: {{name: queue, namespace: {team}}}\nspec: {{clusterQueue: all-{n}}}\n",
    "apiVersion: kueue.x-k8s.io/v1beta1\nkind: ClusterQueue\nmetadata: {{name: all-{n}}}\nspec: {{resourceGroups: [{{coveredResources: "
    "[nvidia.com/gpu], flavors: [{{name: f, resources: [{{name: nvidia.com/gpu, nominalQuota: {n}}}]}}]}}]}}\n",
    "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {{name: b-{n}}}\n"
    "roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}}\n"
    "subjects: [{{kind: ServiceAccount, name: default, namespace: {team}}}]\n",
    "apiVersion: karpenter.sh/v1\nkind: NodePool\nmetadata: {{name: pool-{n}}}\nspec: {{template: {{spec: {{requirements: "
    "[{{key: karpenter.k8s.aws/instance-gpu-count, operator: Gt, values: ['0']}}]}}}}}}\n",
    "apiVersion: v1\nkind: Pod\nmetadata: {{name: pod-{n}, namespace: {team}, labels: {{app: pod-{n}}}}}\nspec:\n"
    "  priorityClassName: class-{n}\n  resourceClaims: [{{name: gpu, resourceClaimTemplateName: gpu-{n}}}]\n  containers:\n  - name: main\n"
    "    image: example/model:latest\n    ports: [{{containerPort: {n}}}]\n    envFrom: [{{configMapRef: {{name: settings-{n}}}}}]\n"
    "  volumes: [{{name: data, persistentVolumeClaim: {{claimName: claim-{n}}}}}]\n",
    "apiVersion: v1\nkind: Pod\nmetadata: {{name: loose-{n}, labels: {{app: pod-{n}}}}}\n"
    "spec: {{containers: [{{name: main, image: 'jupyter/scipy:latest', resources: {{limits: {{nvidia.com/gpu: 1}}}}}}]}}\n",
    "apiVersion: batch/v1\nkind: Job\nmetadata: {{name: queued-{m}, namespace: {team}, labels: {{kueue.x-k8s.io/queue-name: queue}}}}\n"
    "spec: {{suspend: true, template: {{spec: {{restartPolicy: Never, priorityClassName: class-{n}, containers: [{{name: main, "
    "image: 'a:1', resources: {{limits: {{nvidia.com/gpu: {m}}}}}}}]}}}}}}\n",
    "apiVersion: v1\nkind: Pod\nmetadata: {{name: bare-{m}}}\n"
    "spec: {{containers: [{{name: main, image: 'a:1', resources: {{limits: {{nvidia.com/gpu: {n}}}}}}}]}}\n",
    "apiVersion: v1\nkind: Pod\nmetadata:\n  name: known-{n}\n  namespace: {team}\n  annotations:\n"
    "    ignore.mlaudit.io/memory-limit-missing: \"it is known, until 20{m}-06-30\"\nspec:\n  containers:\n"
    "  - name: main\n    image: a:latest  # mlaudit: ignore[image-tag-floating] it is known\n"
    "    resources: {{limits: {{nvidia.com/gpu: 1}}}}\n",
)  # fmt: skip


class Repository:
    """A real one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str) -> str:
        """What git answers."""
        who = {f"GIT_{role}_{what}": "a@example.com" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "GIT_CONFIG_NOSYSTEM": "1", **who}
        done = subprocess.run(["git", *arguments], cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def commit(self, message: str) -> None:
        """Commit everything."""
        self.git("add", "-A")
        self.git("-c", "gc.auto=0", "commit", "-qm", message, "--allow-empty")


def history(repository: Repository, commits: int, seed: int = 1) -> Iterator[str]:
    """Make one commit after another; each is checked out when its message is yielded."""
    dice = random.Random(seed)
    many = [re.sub(r"namespace: \w+", lambda _: f"namespace: {dice.choice(_TEAMS)}", text) for text in documents(60, seed)]
    texts: dict[str, list[str]] = {}
    for number in range(6):
        texts[f"{dice.choice(_FOLDERS)}/{number}.yaml"] = [many.pop(), many.pop(), _one(dice, texts), _one(dice, texts)]
    _commit(repository, texts, "the first")
    yield "the first"
    for number in range(commits - 1):
        message = _step(dice, texts, many, number)
        _commit(repository, texts, message)
        yield message


def _commit(repository: Repository, texts: dict[str, list[str]], message: str) -> None:
    for name in repository.git("ls-files").splitlines():
        if name not in texts:
            (repository.folder / name).unlink()
    for name, parts in texts.items():
        path, text = repository.folder / name, "---\n".join(parts)
        if not path.exists() or path.read_text() != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    repository.commit(message)


def _one(dice: random.Random, texts: dict[str, list[str]]) -> str:
    """Something that matters to a workload that is there, as likely as not."""
    apps = sorted({app for parts in texts.values() for part in parts for app in re.findall(r"app: ([\w-]+)", part)}) or ["none"]
    flag, number = dice.choice(("true", "false")), dice.randint(1, 2)
    return dice.choice(_BESIDE).format(team=dice.choice(_TEAMS), n=number, m=dice.randint(24, 38), app=dice.choice(apps), flag=flag)


def _step(dice: random.Random, texts: dict[str, list[str]], many: list[str], number: int) -> str:
    """Change one thing or a few."""
    return " and ".join(_change(dice, texts, many, number) for _ in range(dice.choice((1, 1, 1, 2))))


def _change(dice: random.Random, texts: dict[str, list[str]], many: list[str], number: int) -> str:
    what = dice.choices(
        ("add", "add beside", "drop", "drop file", "rename", "edit", "comment", "reorder", "kustomize", "break", "copy", "nothing"),
        (4, 9, 5, 2, 3, 9, 3, 2, 2, 1, 3, 1),
    )[0]
    name = dice.choice([name for name in sorted(texts) if "kustomization" not in name])
    parts = texts[name]
    if what == "add" and many:
        parts.insert(dice.randrange(len(parts) + 1), many.pop())
    elif what == "add beside":
        parts.insert(dice.randrange(len(parts) + 1), _one(dice, texts))
    elif what == "drop" and len(parts) > 1:
        many.insert(0, parts.pop(dice.randrange(len(parts))))
    elif what == "drop file" and len(texts) > 4:
        many += texts.pop(name)
    elif what == "rename":
        texts[f"{dice.choice(_FOLDERS)}/{number}.yaml"] = texts.pop(name)
    elif what == "edit":
        at = dice.randrange(len(parts))
        parts[at] = _edited(dice, parts[at])
    elif what == "comment":
        at = dice.randrange(len(parts))
        rule = dice.choice(("requests-missing", "shared-memory-missing", "image-tag-floating", "no-such-rule"))
        parts[at] = f"# mlaudit: ignore[{rule}] it is known\n{parts[at]}" if "# mlaudit" not in parts[at] else parts[at].partition("\n")[2]
    elif what == "reorder":
        dice.shuffle(parts)
    elif what == "kustomize":
        files = [other.rpartition("/")[2] for other in texts if other.startswith("base/")]
        use = dice.choice(
            ("patches: [{{path: {file}}}]\n", "resources: [{file}]\nimages: [{{name: vllm/vllm-openai, newTag: v1}}]\n", "{{}}\n")
        )
        texts["base/kustomization.yaml"] = [use.format(file=dice.choice(files) if files else "none.yaml")]
    elif what == "break":
        texts[f"{dice.choice(_FOLDERS)}/broken.yaml"] = [dice.choice(("a: [\n", "kind: Pod\napiVersion: v1\n  b: c\n", "a: b\n"))]
    elif what == "copy":
        texts[f"{dice.choice(_FOLDERS)}/{number}-copy.yaml"] = list(parts)
    return what


_EDITS = (
    (r"nvidia\.com/gpu: (\d)", "nvidia.com/gpu: 3"),
    (r"(\n +)memory: \d+Gi", r"\1memory: 1Gi"),
    (r"    limits:\n", "    requested:\n"),
    (r":latest|:v0\.31\.0", ":v0.9.0"),
    (r"replicas: \d", "replicas: 5"),
    (r"app: ([\w-]+)", r"app: \1-b"),
    (r"namespace: \w+", "namespace: nlp"),
    (r"  namespace: \w+\n", ""),
    (r"readinessProbe", "startupProbe"),
    (r"\n +memory: \d+Gi", ""),
    (r"\n +cpu: \d+", ""),
    (r"\d000", "10"),
    (r"name: (\w+)-\d", r"name: \1-4"),
    (r"    spec:\n", "    spec:\n      priorityClassName: class-2\n"),
    (r"medium: Memory", "medium: ''"),
    (r"apiVersion", "# moved\n\napiVersion"),
)


def _edited(dice: random.Random, text: str) -> str:
    fitting = [edit for edit in _EDITS if re.search(edit[0], text)]
    return re.sub(*dice.choice(fitting), text, count=1) if fitting else text
