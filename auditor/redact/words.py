"""Words that belong to everybody: of Kubernetes, its operators, public software and models, shells, and of the tables that rules judge by.

They stay when names are replaced. A word that a new rule judges belongs here, or is handed over by `words_of`. No names of people, teams
or companies but those of vendors and publishers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from types import ModuleType

from auditor.kinds import KINDS
from auditor.source.cluster.context import CONTEXT

__all__ = ["PUBLIC_DOMAINS", "PUBLIC_WORDS", "pieces", "words_of"]

# Whoever writes below one of these wrote it for everybody: keys of labels and annotations, resource names, API groups.
PUBLIC_DOMAINS = (
    "kubernetes.io", "k8s.io", "x-k8s.io", "k8s.aws", "nvidia.com", "amd.com", "intel.com", "habana.ai", "kubeflow.org", "ray.io",
    "volcano.sh", "kserve.io", "knative.dev", "argoproj.io", "tekton.dev", "istio.io", "keda.sh", "karpenter.sh", "openshift.io",
    "mlaudit.io", "run.ai", "helm.sh", "cert-manager.io", "google.com", "gke.io", "amazonaws.com", "azure.com", "azure.workload.identity",
    "cilium.io", "coreos.com", "crossplane.io", "kyverno.io", "projectcalico.org", "crd.projectcalico.org", "traefik.io", "konghq.com",
    "metallb.io",
    "metallb.universe.tf", "kube-vip.io", "jupyter.org", "dask.org", "huawei.com", "cambricon.com", "hygon.com", "iluvatar.ai",
    "mthreads.com", "metax-tech.com", "kunlunxin.com", "enflame.com", "vastaitech.com", "birentech.com", "seldon.io", "fluentd.io",
    "external-secrets.io", "bitnami.com", "hashicorp.com", "datadoghq.com", "prometheus.io", "linkerd.io", "kubevirt.io", "aibrix.ai",
)  # fmt: skip

_PIECE = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_ESCAPE = re.compile(r"\\[A-Za-z]")


def pieces(run: str) -> list[str]:
    """The words of a run of letters and digits: ``fineTuneV2`` is fine, Tune, V."""
    return _PIECE.findall(run)


def words_of(modules: Iterable[ModuleType]) -> frozenset[str]:
    """The words in the tables and patterns of modules, such as those of all rules, so that what a rule judges stays."""
    tables = (table for module in modules for name, table in vars(module).items() if not name.startswith("__"))
    return frozenset(word for table in tables for word in _words(table))


def _words(table: object) -> Iterator[str]:
    if isinstance(table, re.Pattern):
        table = table.pattern
    if isinstance(table, bytes):
        table = table.decode(errors="replace")
    if isinstance(table, str):
        for run in re.findall("[A-Za-z]+", _ESCAPE.sub(" ", table)):
            yield from (word.lower() for word in (run, *pieces(run)) if len(word) > 1)
    elif isinstance(table, Mapping):
        for key, value in table.items():
            yield from _words(key)
            yield from _words(value)
    elif isinstance(table, list | tuple | set | frozenset):
        for entry in table:
            yield from _words(entry)


_WORDS = """
    abfs accel accelerate accelerator accelerators accept access accesskey action active activedeadlineseconds add added addr address
    addresses admin adminnetworkpolicy admissionregistration admits affinity after agent agents ai aibrix airflow aix alb alert
    alertmanager alias all allocation allow allowed allowlist allowprivilegeescalation along alpha alternate alternatebackends always
    amazon amazonaws amd among amount amqp an analysis analysisrun analysistemplate ancestor and annotation annotations any apache api
    apiextensions apikey apikeyauth apiregistration apiserver apiservice apiversion apk app apparmor apparmorprofile appgw apple
    application apply approve apps appwrapper apr apt are argo argocd argocli argoproj argoworkflow args arguments arm armor arn art
    artifact artifactregistry artifacts as ascend aside asks at attention attributes audio audit auditor aug auth authenticated
    authoptions authorization authorizationpolicy authservice auto autoscaler autoscalerclass autoscaleroptions autoscaling
    autoscalingconfig available average aware awk awq aws awselasticblockstore awssm axolotl az azure azurecr azuredisk azurefile
    azurekv backend backendconfig backendrefs backendruntime backendruntimeconfig backends backoff backofflimit backofflimitperindex
    backup balancer base baseline baselineadminnetworkpolicy bases bash basic basicauth batch be beam before begin behind below bento
    bentodeployment bentoml bert beside beta bf bfloat bin binary binarydata bind binding bindings birentech bit bitbucket bitnami blob
    block blocks bloom blue board bool boost boot bos both bound bpf branch breaks broken bucket budget build buildah buildkit buildspec
    built builtin but by byte bytes cache cacheserver calico cambricon can canary cannot cap capabilities capability capable capacity
    carries case cat ccmanager cd cell ceph cephfs cert certificate certificates certificatesigningrequest cfg change changeme chart
    chat check checkout checkpoint checkpoints chief chmod chown chroma chroot ci cidrs cilium ciliumclusterwidenetworkpolicy
    ciliumnetworkpolicy cinder circle claim claimname claims class classes classify clean cleanpodpolicy client clip clique cliquenames
    cliques clone cloud cloudbuild cloudsql cls cluster clusteranalysistemplate clusterip clusterpolicy clusterqueue
    clusterresourcequota clusterrole clusterrolebinding clusterselector clusterservingruntime clusterstoragecontainer clustertask
    clustertrainingruntime clusterwide clusterworkflowtemplate cn cni co code codeflare codellama cohort collector collectoroptions
    column com command commands comment comments commit companion companions completion completions component components componentspecs
    compose compute computedomains computeresources conda conf confidence config configmap configmapkeyref configmapref configs
    configurable configuration configurations connect consul container containercreating containerd containername containerpolicies
    containerport containerresource containerrole containers containerset containerspec content context control controlled
    controlledresources controller controllers coordination core coredns coreos cores cost count counts covered coveredresources cp cpp
    cpu crashloopbackoff create created credential credentials crio critical cron cronjob cronworkflow crt csi csistoragecapacity csr
    css csv cu cuda cudnn curl custom customcollector customizer customresourcedefinition da dac daemon daemonset daemonsets dag dagster
    daily dangerous dashboard dask daskcluster daskjob daskworkergroup data databricks datadog datalocal dataset datasets datastore date
    davinci day db dcgm dcgmexporter dcu dcucores dcumem dcunum de deadline dec decides decode deep deeper deepseek deepspeed def
    default defaultbackend defaultrequest defaults definition defs degraded delay delete deletecollection deletion deletionstrategy
    depends deployment deploymentconfig deploymentmode deprecated depth derived descheduler describes deserved destination details dev
    device deviceclass deviceclassname deviceplugin devices diffusers diffusion digest dir disable disaggregated disaggregatedset
    discovery disk disruption distribute distributed dkr dlrover dnf dns do docker document documented does domain domains done dots
    download downward downwardapi dp dpb dpe dpl dpn dpo dpr dra dradriver dranet dri driver drone drop dropout dropped dtype dummy
    duplicate duplicates duration during dxg dynamic dynamicallocation dynamo dynamocomponentdeployment dynamographdeployment each eager
    ebs echo ecr edge edit ee efa effect efs egress ei eks elastic elasticconfig elasticjob elasticsearch elif else embedded embeddings
    emote empty emptydir enable enabled enableingress enableintreeautoscaling enc end endpoint endpointselector endpointslice enflame
    enforces engine enterprise entitystore entries entrypoint entrypoints env envfrom environment envoy envoyfilter envoyproxy envs
    envvar envvars eos ephemeral ephemeralcontainers epoch epochs epp equal er errimagepull error es esac escalate escalation escape etc
    etcd eth etl eu eval evaluate evaluation evaluator evaluators events every everywhere evicted exactly example exceeds exclusive exec
    execution executor executorplugins executors exists expanded experiment expired explainer export exporter expose exposed expressions
    ext extauth extended extensions external externalips externalname extra extrapodmetadata extrapodspec facebook facing failed failure
    failurepolicy failurethreshold fake falco falcon false family far fault feast feature feb fi field fields file filter fin finally
    find finding fine finetune finetuner finetuning fingerprint finished finishes first firstavailable fixme flag flags flannel flex
    flexvolume flink flinkbluegreendeployment flinkdeployment float floating flocker flow flowcontrol flows fluent fluentd flux folder
    follows for forced fork forks format found fp fraction fragment fri from frontend fsetid fsx ftp function fuse gatekeeper gateway
    gatewayclassname gateways gaudi gce gcepersistentdisk gcp gcpbackendpolicy gcpsm gcr gcs gcsfuse gcu gdrcopy gds gemma generate
    generatename generation generic genericitems generictemplate get getaffinity gfd gguf gh ghcr gi git github gitlab gitrepo gives gke
    global globaldefault globalnetworkpolicy gloo glusterfs gmp gmt go google gotemplate gp gpt gptq gpu gpucluster gpucores gpumem gpus
    grafana granite grant graph green grep group groups grove grpc grpcroute grpcs grpo gs guardrail gunicorn gxlb gz gzip habana hadoop
    hadoopconf half haproxy harbor hard has hca hdfs head headgroupspec headless headservice headserviceannotations health healthz
    helper here hf hg high higher history historyserveroptions hold holder holders home hooks horizontal horizontalpodautoscaler horovod
    horovodrun host hostdev hostip hostipc hostname hostnetwork hostpath hostpid hostport hostprocess hosts hostusers hour hourly how
    hpa hpaspec hpu html http httpget httproute https huawei hub huggingface huggingfaceserver hygon iap ib ibm id identifier identity
    idle idp if ifname ignore ignored iluvatar image imageconfig imagepullbackoff imagepullpolicy images iml impersonate import in
    inbound include incubator indented index inf infer inference inferencegraph inferencemodel inferencepool inferenceservice
    inferenceset infiniband infinity infrastructure ing ingress ingressclass ingressclassname ingressdeny inherits ini init
    initcontainers initial initialdelayseconds initialized initializer inject injected inline input insert install instance instances
    instruct int integer intel internal internet intranet intvl invalid inverse io ion iov ip ipaddress ipblocks ipc ipv ipynb is iscsi
    istio isvc it item items its ization jaeger jan jar java jax jaxjob jaxreplicaspecs jdbc jenkins jetstream jinja jks job jobbounds
    jobflow jobmanager jobs jobset jobspec jobtargetref jobtemplate jp js json jsonc judge judged jul jun jupyter jupyterhub jupyterlab
    jwt kafka kai kaito karpenter kata katamanager katib keda keep keepalive kept keras kernel key keycloak keygen keyref keys kfd kfp
    kfserving ki kibana kill kills kind kinds kit knative known konghq kserve kube kubectl kubeflow kubeflownotebookswg kubelet
    kubeletplugin kuberay kubernetes kueue kunlunxin kustomization kustomize kv kvm kyverno lab label labels lambda lang langfuse large
    latest launch launcher lazy lb ldconfig leader leadertemplate leaderworkerset leaderworkertemplate learning lease leases leaves left
    len length level lflow lib library lifecycle lightgbm like limit limitrange limits line lines link linkerd linux list listed literal
    live liveness livenessprobe livez llama llm llmapi llmaz llminferenceservice llminferenceserviceconfig lmcache lmdeploy lmstack ln
    lo load loadbalancer loadbalancerclass loadbalancerip loadbalancerips loadbalancersourceranges loading local localai localhost
    localqueue location lock locked log logdir login logs loki long longest longhorn looks lora louketo low lowat lr ls lustre lws
    machinelearning machines made main maincontainer major make manage managed managejobswithoutqueuename manager manifest manual map
    mapped mapping mar mariadb mark markdown marks mask master masters match matches matchexpressions matchlabels max maxengine
    maxexecutors maxreplicacount maxreplicas maxrestarts maxretry maxrundurationseconds maxscale maxtext may mcr md mean media medium
    megatron mem memory merge mesh met meta metadata metallb metax metric metrics metricscollectorspec metrictype mi microk microsoft
    middlewares mig migmanager milvus min minexecutors mini minio minor minreplicacount minreplicas minscale minute mismatch missing
    mistral mistralai mixtral mkdir mkdocs mknod ml mlaudit mlflow mlnx mlops mlserver mlu mnt mo mode model modelcar modeldownloadjobs
    modelpuller models module modules mon mongo mongodb month most mount mounter mountpath mounts mpi mpijob mpioperator mpireplicaspecs
    mpirun mps mpt mthreads multi multinode multishare multus mv mx mxjob mxnet mxreplicaspecs mysql na name named namereference names
    namespace namespaces nb nc nccl nearest needs nemo nemocustomizer nemodatastore nemoentitystore nemoevaluator nemoguardrail nemotron
    net network networking networkpolicy neuron neuroncore neuronx never new newtag nexus nfs ngc nginx nightly nim nimbuild nimcache
    nimpipeline nimservice nlb nnodes no node nodeaffinity nodecount nodeport nodes nodeselector nodeselectorterms nodestatusexporter
    noexecute nohup non none noschedule not notebook nothing notin notprincipals notready notrequestprincipals nov nox npm nproc
    nprocpernode npu npus npy null num number numnodes numofhosts numprocpernode numpy nv nvapi nvcr nvidia nvidiadriver oauth object
    objectref objects oci oct of off offset oidc ollama on once one onfailure onfailureretries only onnx oomkilled op opa openai openapi
    openebs opens opensearch openshift openstack openvino operator opt optional options or orchestration order org os other out outcome
    output override overrides own owner ownerreferences pad paddle paddlejob paddlepaddle paddlereplicaspecs pandas panels parallel
    parallelism parallelstore paralleltrialcount parameters params parent parentrefs parquet parse parser passwd password patch patches
    patchesjson patchesstrategicmerge path paths pause pdb peft pem pending per percentage perfmon period periodics periodseconds perl
    persistent persistentvolume persistentvolumeclaim pgpu phi photonpersistentdisk php pi pid ping pip pipeline pipelineparallelsize
    pipelinerun pipelines pipelinespec pkg pkl place placeholder plain plane platform platforms plugin plugins pmml pod podclique
    podcliquescalinggroups podcliqueset podconfig podcount poddefault poddisruptionbudget podpreset pods podsecuritycontext
    podsecuritypolicy podselector podsets podspec podspecoverrides podspecpatch podtemplate podtemplateoverrides podtemplatespec
    policies policy policytypes pomerium pool port ports portworx portworxvolume position post postgres postgresql poststart postsubmits
    pp pre precision predict prediction predictions predictor predictors preempt preemption preemptionpolicy prefect prefernoschedule
    preferred prefill prefix premium preprocess preset prestop presubmits pretrain pretrainer pretraining principals print printenv
    printf priorities priority priorityclass priorityclasses priorityclassname private privilege privileged probe probes problem proc
    process processes procmount product profile progressing proj projected prom prometheus properties protocol provider provreq proxy ps
    psp pss pt pth ptrace public pull puller pv pvc pwd pxu py python pytorch pytorchjob pytorchreplicaspecs qdrant quantity
    quantization quay queue quobyte quota qwen rabbitmq rag ragengine range ranges rank rate raw rawdeployment rawio rawtemplate ray
    raycluster rayclusterconfig rayclusterfleet rayclusterreplicaset rayclusterspec raycronjob rayjob rayservice raystartparams rb rbac
    rbd rdma reach read readiness readinessprobe reading readonly ready readyz realm reason reclaim reclaimwithincohort recommended
    recommendedconfigs reconciled record redacted redirect redis rediss ref reference references refs refuses region regions registry
    releases remember remote remoteipblocks remove removed render renderer renders repeating replace replaced replaceme replacements
    replica replicas replicaset replicaspecs replicated replicatedjobs replication replicationcontroller repo report reports repository
    reqs request requestprincipals requests require required requiredduringschedulingignoredduringexecution requirements reserved
    resolve resource resourceclaim resourceclaimname resourceclaims resourceclaimtemplate resourceclaimtemplatename resourcegroups
    resourcepolicy resourcequota resourcequotaspec resources resourcespernode restart restartpolicy restarts restore restricted result
    retries retry retrystrategy return revision rilb rm rmem rmid ro roce rocm role rolebinding roles rollout rollouts rook root route
    router rstudio rsync rt ruby rule rules run runai runasnonroot runasuser runners running runpolicy runs runtime runtimeclass
    runtimedefault runtimeenvyaml rust rw rwo rwop rwx safetensors same saml sample sandbox sandboxdeviceplugin sandboxtemplate sat save
    sax sbin scalar scale scaled scaledjob scaledobject scaleio scalemetric scaletargetref scaling sched scheduled
    scheduledsparkapplication scheduledworkflow scheduler scheduling schema schemaversion scheme scipy scope scp scratch script sdxl se
    sealed search seccomp seccompprofile second secondary seconds secondsaftercompletion secondsafterfailure secondsaftersuccess secret
    secrets security securitycontext securitypolicy sed seed seldon seldondeployment seldonio select selector self selinux
    selinuxoptions sensor sep seq sequence serve served server serverconfig serverless servers serveservice service serviceaccount
    serviceaccounts serviceaccounttoken serviceannotations servicename serviceport services servicetype serving servingruntime set
    setfcap setgid setpcap sets setting settings settle setuid sft sg sglang sgpu sh sha shard share shared sharedmemorysize shell shift
    shm shmsize shortest shown shutdown shutdownafterjobfinishes sidecar sidecarconfig sidecarcontainers sidecarmode sidecars sign
    signin signing sigs simple since single singleuser size sizelimit sk skip skipped sklearn sleep slice slots slotsperworker slow sm
    small smi snapshot so sock socket some sops sort source sources spans spark sparkapplication sparkconf sparkconnect sparkoperator
    sparkuioptions spec special specs speed spelled spelling split spot sql sr srun srv ssh sshd ssm sso stabilityai stable stack
    standalone standard stands starcoder start starts startup startupprobe stateful statefulset static status stays stdin step steps
    stop storage storageclass storageclassname storageos storageuri store strategic strategy stream strict string stringdata strings
    subjects submission submissionmode submit submitter submitterpodtemplate succeeded success such sudo summary sun suppressed
    suppression suppressions sure suspend svc svcorchspec svn swagger symbolic syncookies syntax sys sysctl sysctls system tag tagged
    tail tailscale taint taints takes tar target targetaverageutilization targetcpuutilizationpercentage targetport targetportnumber
    targetports targetref targetrefs targets task taskmanager taskrun taskruntemplate tasks taskspec tbd tcp tcproute tcpsocket team
    tech tee tei tekton template templatedefaults templates tempo tenant tensor tensorboard tensorboards tensorflow tensorrt term
    terminating terms terraform test text texts tf tfjob tfreplicaspecs tgi tgz than that the their them then there these they thin this
    those threshold thu tiiuae time timeout timeoutseconds timetoliveseconds tini tiny tls tlsroute tmp tmpl to todo token tokenization
    tokenize tokenizer tokens toleration tolerations toml too toolkit topology torch torchrun torchserve touch tox tpl tpu tpus tracking
    traefik train trainer training trainingconfig trainingruntime trainjob transformer transformers trap tree trial trialparameters
    trialspec trialtemplate triggers triton tritonserver trl trtllm true trust ts ttl ttlsecondsafterfinished ttlstrategy tty tue tun
    tune tuned tuner tuning txt type types udp udproute ui uid uk ulimit umask uname unauthenticated unbounded unconfined undefined
    under understood unfit uniq universe unk unknown unmasked unprivileged unread unresolved unsafe unset until unused unzip up update
    updatemode updatepolicy uri url us usage use used user username users uses usr utc utf utilization uv uvicorn va val validator value
    valuefrom values var variables varreference vars vastai vastaitech vault vc vcore velero verl version versions vertical
    verticalpodautoscaler vfio vfiomanager vgcu vgpu vgpudevicemanager vgpumanager vicuna video view viewer vip virtual virtualservice
    visible vllm vllmrouter vllmruntime vmem vmemory volcano volcanosh volume volumeattributesclass volumeclaimpolicies
    volumeclaimtemplates volumedevices volumemounts volumename volumes vpa vsphere vspherevolume vxpu wait waiting wandb want warmup was
    wasb watch way ways wc weave weaviate web webhook webserver wed week weekly weights wget what when where whether which while whisper
    whitelist whl who whoami whole why windows windowsoptions with within withinclusterqueue without wmem word words worker
    workergroupspecs workers workerspec workertemplate workflow workflows workflowspec workflowtemplate workflowtemplateref workload
    workloadpriorityclass workloadpriorityclasses workloads workloadselector workloadtemplate workspace workspacekind world wrapper
    write written xargs xe xg xgb xgboost xgboostjob xgbreplicaspecs xpu xx yaml yamllint yatai year yes yml you your yum zip zonal zone
    zones zsh
"""


def _resources() -> Iterator[str]:
    """The names of resources as roles write them, which are the plurals of kinds."""
    for _, kind in (*((row.group, row.kind) for row in KINDS), *CONTEXT):
        word = kind.lower()
        yield from (word, f"{word}s", f"{word}es", f"{word[:-1]}ies")
    yield from ["clusterroles", "describe", "mutatingwebhookconfigurations", "persistentvolumes", "validatingwebhookconfigurations"]


PUBLIC_WORDS = frozenset(_WORDS.split()).union(_resources())
