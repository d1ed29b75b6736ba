"""A dashboard or control API of an ML tool is reached from outside the cluster, and nothing on the way asks who calls.

## Why it matters
These programs run code for whoever reaches them, and most of them ask nobody for a name: Ray's dashboard takes jobs, Jupyter is a shell,
TorchServe's management port loads any model, MLflow hands out and takes in every artefact. Open Ray dashboards were taken over in thousands
("ShadowRay"), and open Kubeflow dashboards were used to mine on GPUs across many clusters.

Critical where a load balancer is open to the Internet, high where it is opened by a port of the nodes or by a route whose reach is not in
view, medium where the program itself asks for a login (MLflow with `--app-name`, Argo unless `--auth-mode=server`, JupyterHub, Jupyter
unless its token is emptied, Ray with `RAY_AUTH_MODE=token`, TorchServe from 0.11.1, MinIO, Airflow, Label Studio).

The finding stands where the way is opened: at the type of a Service, at the backend of an Ingress or a route, at `hostPort`, at KubeRay's
`serviceType`. A VirtualService whose gateway's Service is in view is reported at that Service. The option `internal` lists, separated by
commas, classes of Ingresses, Gateways and load balancers that stay inside your network, and annotations as `key=value`.

## Bad
```yaml
apiVersion: ray.io/v1
kind: RayCluster
metadata: {name: shared}
spec:
  headGroupSpec:
    serviceType: LoadBalancer  # finding
    template:
      spec:
        containers: [{name: ray-head, image: "rayproject/ray:2.40.0"}]
```

```yaml
apiVersion: v1
kind: Service
metadata: {name: lab}
spec:
  type: NodePort  # finding
  selector: {app: lab}
  ports: [{port: 80, targetPort: http}]
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: lab}
spec:
  template:
    metadata: {labels: {app: lab}}
    spec:
      containers:
      - name: lab
        image: quay.io/jupyter/pytorch-notebook:2025-03-14
        args: [start-notebook.py, "--IdentityProvider.token=''"]
        ports: [{name: http, containerPort: 8888}]
```

```yaml
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: tracking}
spec:
  rules:
  - http:
      paths:
      - path: /
        pathType: Prefix
        backend:  # finding
          service: {name: mlflow, port: {number: 80}}
---
apiVersion: v1
kind: Service
metadata: {name: mlflow}
spec:
  selector: {app: mlflow}
  ports: [{port: 80, targetPort: 5000}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: mlflow}
spec:
  template:
    metadata: {labels: {app: mlflow}}
    spec:
      containers:
      - name: mlflow
        image: ghcr.io/mlflow/mlflow:v3.1.0
        command: [mlflow, server, --host, 0.0.0.0]
```

## Good
```yaml
apiVersion: v1
kind: Service
metadata:
  name: inside
  annotations: {networking.gke.io/load-balancer-type: Internal}
spec:
  type: LoadBalancer
  selector: {app: board}
  ports: [{port: 6006}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: asks
  annotations: {nginx.ingress.kubernetes.io/auth-url: "https://sso.example.com/verify"}
spec:
  defaultBackend: {service: {name: inside, port: {number: 6006}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: board}
spec:
  template:
    metadata: {labels: {app: board}}
    spec:
      containers:
      - name: board
        image: ghcr.io/example/tools:1.2
        command: [tensorboard, --logdir, /logs, --bind_all]
        ports: [{containerPort: 6006}]
---
apiVersion: v1
kind: Service
metadata: {name: proxied}
spec:
  type: LoadBalancer
  selector: {app: ui}
  ports: [{port: 443, targetPort: 4180}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: ui}
spec:
  template:
    metadata: {labels: {app: ui}}
    spec:
      containers:
      - {name: ui, image: "ghcr.io/mlflow/mlflow:v3.1.0", args: [mlflow, ui], ports: [{containerPort: 5000}]}
      - {name: proxy, image: "quay.io/oauth2-proxy/oauth2-proxy:v7.8.1", ports: [{containerPort: 4180}]}
```

```yaml
apiVersion: v1
kind: Service
metadata: {name: only-what-is-served}
spec:
  type: LoadBalancer
  selector: {ray.io/cluster: shared, ray.io/node-type: head}
  ports: [{port: 80, targetPort: 8000}]
---
apiVersion: ray.io/v1
kind: RayCluster
metadata: {name: shared}
spec:
  headGroupSpec:
    template:
      spec:
        containers: [{name: ray-head, image: "rayproject/ray:2.40.0"}]
```

```yaml internal=private-edge
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: notebook}
spec:
  ingressClassName: private-edge
  defaultBackend: {service: {name: mine, port: {number: 80}}}
---
apiVersion: kubeflow.org/v1
kind: Notebook
metadata: {name: mine}
spec:
  template:
    spec:
      containers: [{name: mine, image: "ghcr.io/kubeflow/kubeflow/notebook-servers/jupyter-scipy:v1.10.0"}]
```

## When to ignore
Where something that is not in view keeps strangers out: a firewall before the nodes, a VPN, a cloud's private subnet, a filter in the
gateway. Say so in the reason.

## References
- https://docs.ray.io/en/latest/ray-security/index.html
- https://www.microsoft.com/en-us/security/blog/2020/06/10/misconfigured-kubeflow-workloads-are-a-security-risk/
- https://argo-workflows.readthedocs.io/en/latest/argo-server-auth-mode/
- https://kubernetes.io/docs/concepts/services-networking/service/#internal-load-balancer
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from auditor.document import Document, Path, along
from auditor.exposure import Reach, Way, ways_from
from auditor.rule import RECOMMENDED, Confidence, Fault, Options, Severity, mapping, rule
from auditor.snapshot import Snapshot
from auditor.workload import Container, ContainerRole, Image, PodTemplate


@dataclass(frozen=True, slots=True)
class Product:
    """A program that should not meet strangers.

    Attributes:
        name: for messages.
        ports: its ports; those that its container declares are its own too, unless ``only``.
        image: found in the image as ``repository:tag``.
        command: found in the command line. A known image whose command line starts something else is something else.
        login: whether it asks for a login itself.
        only: its container serves other things as well, and these ports are what is meant.
        both: image and command line have to match: either alone may be something else.
    """

    name: str
    ports: frozenset[int]
    image: re.Pattern[str] | None
    command: re.Pattern[str] | None
    login: Callable[[Container], bool]
    only: bool
    both: bool


def _never(container: Container) -> bool:
    return False


def _always(container: Container) -> bool:
    return True


def _product(
    name: str,
    *ports: int,
    image: str = "",
    command: str = "",
    login: Callable[[Container], bool] = _never,
    only: bool = False,
    both: bool = False,
) -> Product:
    patterns = [re.compile(text) if text else None for text in (image, command)]
    return Product(name, frozenset(ports), patterns[0], patterns[1], login, only, both)


EMPTY_TOKEN = re.compile(r"\.(token|password)=(''|\"\"|)(\s|$)|--auth[ =]none")
TOKEN_OF_KUBEFLOW = re.compile(r"notebook-servers/|kubeflownotebookswg/")


def _asks_for_token(jupyter: Container) -> bool:
    """Jupyter makes up a token unless it is given an empty one, as in Kubeflow's images."""
    if isinstance(jupyter.image, Image) and TOKEN_OF_KUBEFLOW.search(jupyter.image.repository):
        return False
    return EMPTY_TOKEN.search(jupyter.command_line) is None and jupyter.env_value("JUPYTER_TOKEN") != ""


def _authorizes(torchserve: Container) -> bool:
    version = re.match(r"(\d{1,4})\.(\d{1,4})\.(\d{1,4})", torchserve.image.tag) if isinstance(torchserve.image, Image) else None
    off = torchserve.flag("--disable-token-auth") is not None or torchserve.env_value("TS_DISABLE_TOKEN_AUTHORIZATION") == "true"
    return version is not None and tuple(map(int, version.groups())) >= (0, 11, 1) and not off


def _asks_ray_users(ray: Container) -> bool:
    cluster = _beside(ray.template, 3)
    return ray.env_value("RAY_AUTH_MODE") == "token" or mapping(cluster.get("authOptions")).get("mode") == "token"


RAY = _product("Ray's dashboard and APIs", 8265, 10001, 6379, command=r"\bray start\b.*--head", login=_asks_ray_users, only=True)
SPARK = _product("the Spark UI", 4040, 18080, only=True)
DASK = _product("Dask's scheduler and dashboard", 8787, 8786, command=r"\bdask[- ]scheduler\b", only=True)
BY_OPERATOR = {
    ("kuberay", "head"): RAY,
    ("aibrix", "head"): RAY,
    ("spark-operator", "driver"): SPARK,
    ("dask", "scheduler"): DASK,
    ("kubeflow", "Notebook"): _product("the notebook", 8888),
}
PRODUCTS = (
    _product(
        "Jupyter", 8888, image=r"(^|/)jupyter/|notebook-servers/jupyter|kubeflownotebookswg/jupyter|/jupyterlab:|:.*-jupyter$",
        command=r"\bjupyter([- ](lab|notebook|server))|start-notebook|start-singleuser", login=_asks_for_token,
    ),
    _product("JupyterHub", 8000, 8081, image=r"jupyterhub/(k8s-hub|configurable-http-proxy|jupyterhub):", login=_always),
    _product(
        "MLflow", 5000, image=r"(^|/)mlflow:", command=r"\bmlflow (server|ui)\b", login=lambda c: c.flag("--app-name") is not None,
    ),
    _product("TensorBoard", 6006, image=r"(^|/)tensorboard:", command=r"\btensorboard\b.*--(logdir|port|bind_all|host)\b"),
    _product("the Kubeflow dashboard", 8082, image=r"central-?dashboard:"),
    _product("a Kubeflow web app", 5000, 8080, image=r"(jupyter|volumes|tensorboards|models)-web-app:|(^|/)katib-ui:"),
    _product("Kubeflow Pipelines", 3000, 8888, 8887, image=r"ml-pipeline/(frontend|api-server):|kubeflow/kfp-(frontend|api-server):"),
    _product(
        "the Argo server", 2746, image=r"argoproj/argocli:", command=r"\bserver\b", both=True,
        login=lambda c: re.search(r"--auth-mode[ =]server", c.command_line) is None,
    ),
    _product(
        "TorchServe's management API", 8081, 7071, image=r"torchserve[\w-]*:", command=r"\btorchserve\b", login=_authorizes, only=True,
    ),
    _product("Ollama", 11434, image=r"(^|/)ollama:", command=r"\bollama serve\b"),
    _product("the MinIO console", 9001, image=r"(^|/)minio:", login=_always, only=True),
    _product("Airflow", 8080, image=r"(^|/)airflow:", command=r"\b(webserver|api-server|standalone)\b", login=_always, both=True),
    _product("the KubeRay API server", 8888, 8887, image=r"kuberay/apiserver:"),
    _product("Label Studio", 8080, image=r"(^|/)label-studio:", login=_always),
    _product("kubectl proxy", 8001, command=r"\bkubectl\b.*\bproxy\b"),
    RAY, DASK,
)  # fmt: skip


@rule(
    "ml-ui-exposed",
    title="ML tool open to whoever reaches it",
    severity=Severity.CRITICAL,
    profiles={RECOMMENDED},
    needs={"Service", "Ingress", "HTTPRoute", "VirtualService", "Gateway", "Route", "InferencePool"},
    options={"internal": ""},
)
def check(document: Document, snapshot: Snapshot, options: Options) -> Iterator[Fault]:
    opened: dict[Path, tuple[Way, dict[str, bool]]] = {}
    for way in ways_from(snapshot, document):
        if way.reach is Reach.INTERNAL or way.auth:
            continue
        for product, ports, container in _reached(way):
            kept, names = opened.setdefault(way.path, (way, {}))
            names[f"{product.name}{ports} of {way.template.workload.ref}"] = product.login(container)
            if way.reach > kept.reach:
                opened[way.path] = way, names
    inside = [mark.strip() for mark in options["internal"].split(",") if mark.strip()] if opened else []
    for path, (way, names) in opened.items():
        if not way.is_marked(inside):
            yield _fault(document, path, way, names)


def _fault(document: Document, path: Path, way: Way, names: dict[str, bool]) -> Fault:
    """What one field opens; ``names`` says of each program whether it asks for a login itself."""
    only_logins = all(names.values())
    open_ones = [name for name, login in names.items() if not login] or list(names)
    what = " and ".join(open_ones) if len(open_ones) < 3 else f"{open_ones[0]}, {open_ones[1]} and {len(open_ones) - 2} more"
    where = {Reach.PUBLIC: "to the Internet", Reach.NODE: "to whoever reaches the node"}.get(way.reach, "to the outside")
    guard = "nothing but the program's own login guards it" if only_logins else "nothing on the way asks who calls"
    severity = Severity.CRITICAL if way.reach is Reach.PUBLIC else Severity.HIGH
    return Fault(
        document,
        path,
        f"{way.how} opens {what} {where}, and {guard}",
        remediation=_remedy(str(path[-1])),
        severity=Severity.MEDIUM if only_logins else severity,
        confidence=Confidence.MEDIUM if path[-1] == "hostNetwork" else Confidence.HIGH,
    )


def _remedy(field: str) -> str:
    if field in ("type", "serviceType"):
        return f"set `{field}: ClusterIP`, and publish it, if at all, through a gateway that asks users to log in"
    if field in ("hostPort", "hostNetwork", "externalIPs", "enableIngress"):
        return f"remove {field}, and publish it, if at all, through a gateway that asks users to log in"
    return "make users log in before this route (an auth annotation, an AuthorizationPolicy or a SecurityPolicy), or remove it"


def _reached(way: Way) -> Iterator[tuple[Product, str, Container]]:
    """The programs that a way leads to, with the ports for a message."""
    for container in way.template.containers:
        if container.role in (ContainerRole.INIT, ContainerRole.EPHEMERAL):
            continue
        product = _product_of(container)
        if product is None:
            continue
        ports = sorted(_ports(product, container) & way.ports) if way.ports is not None else []
        if ports or way.ports is None:
            yield product, f" ({'port' if len(ports) == 1 else 'ports'} {', '.join(map(str, ports))})" if ports else "", container


def _product_of(container: Container) -> Product | None:
    template, workload = container.template, container.template.workload
    by_operator = BY_OPERATOR.get((workload.framework, template.component or workload.ref.kind))
    if by_operator is not None and container is next(iter(template.main_containers), None):
        return by_operator
    image, command = container.image, container.command_line
    text = f"{image.repository}:{image.tag}" if isinstance(image, Image) else ""
    runs_something = bool(command) and not command.startswith("-")
    for product in PRODUCTS:
        started = product.command is not None and product.command.search(command) is not None
        known = product.image is not None and product.image.search(text) is not None
        if (started and known) if product.both else (started or (known and (product.command is None or not runs_something))):
            return product
    return None


def _ports(product: Product, container: Container) -> frozenset[int]:
    """The ports of a program in a container."""
    if product is RAY:
        shut = {10001, 6379} if container.env_value("RAY_USE_TLS") == "1" else set()  # Ray asks clients for a certificate
        start = mapping(_beside(container.template, 2).get("rayStartParams"))
        if str(start.get("include-dashboard")).lower() == "false" or start.get("dashboard-host") in ("127.0.0.1", "localhost"):
            shut.add(8265)
        return product.ports - shut
    return product.ports if product.only else product.ports.union(port.number for port in container.ports if port.number is not None)


def _beside(template: PodTemplate, up: int) -> Mapping[str, Any]:
    """The mapping that holds the pod, ``up`` steps further out."""
    return mapping(along(template.workload.raw, template.path[:-up])[-1])
