"""How pods are reached from outside: which object and field opens, how far, to which ports, and who asks callers for their identity."""

from __future__ import annotations

import pytest

from auditor.document import Document, format_path
from auditor.exposure import Reach, Way, may_be_selected, ways_from, ways_to
from auditor.selectors import parse_selector
from auditor.snapshot import Snapshot
from auditor.source.text import read_text

POD = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: d, namespace: team}
spec:
  template:
    metadata: {labels: {app: d}}
    spec:
      containers:
      - name: main
        ports: [{name: http, containerPort: 8000}, {name: metrics, containerPort: 9090}]
---
"""
SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: s, namespace: team, annotations: {ANNOTATIONS}}
spec: {type: TYPE, selector: {app: d}, ports: [{name: web, port: 80, targetPort: http}, {port: 9090}]}
---
"""
INSIDE = SERVICE.replace("TYPE", "ClusterIP").replace("ANNOTATIONS", "")
INGRESS = """
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: i, namespace: team, annotations: {ANNOTATIONS}}
spec:
  ingressClassName: CLASS
  rules:
  - http:
      paths:
      - backend: {service: {name: s, port: {name: web}}}
---
"""
GATEWAY = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: g, namespace: edge}
spec: {gatewayClassName: CLASS}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r, namespace: team}
spec:
  parentRefs: [{name: g, namespace: edge}]
  rules: [{backendRefs: [{name: BACKEND, kind: KIND, group: GROUP, port: 80}]}]
---
"""
POOL = """
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: p, namespace: team}
spec: {selector: {matchLabels: {app: d}}, targetPorts: [{number: 8000}]}
---
"""
ISTIO = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw, namespace: istio-system}
spec: {selector: {istio: ingressgateway}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: v, namespace: elsewhere}
spec:
  gateways: [istio-system/gw, mesh]
  http: [{route: [{destination: {host: s.team.svc.cluster.local, port: {number: 80}}}]}]
---
"""
INGRESSGATEWAY = """
apiVersion: v1
kind: Service
metadata: {name: istio-ingressgateway, namespace: istio-system}
spec: {type: TYPE, selector: {app: istio-ingressgateway, istio: ingressgateway}}
---
"""
POLICY = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: a, namespace: NAMESPACE}
spec: SPEC
---
"""


def snapshot(text: str) -> Snapshot:
    return Snapshot([item for item in read_text(text, "k8s/all.yaml") if isinstance(item, Document)])


def ways(text: str) -> list[Way]:
    """All ways, which are the same asked from either end."""
    found = snapshot(text)
    to = [way for workload in found.workloads for template in workload.templates for way in ways_to(found, template)]
    from_ = [way for document in found.documents for way in ways_from(found, document)]
    assert sorted(map(shown, to)) == sorted(map(shown, from_))
    return to


def shown(way: Way) -> tuple[str, ...]:
    template = way.template
    who = f"{template.workload.ref}/{template.component}"
    return str(way.document.ref), format_path(way.path), who, str(way.ports and sorted(way.ports)), str(way.reach), way.how, way.auth


def only(text: str) -> Way:
    found = ways(text)
    assert len(found) == 1, list(map(shown, found))
    return found[0]


# -- Services -----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "annotations", "reach"),
    [
        ("LoadBalancer", "", Reach.PUBLIC),
        ("NodePort", "", Reach.NODE),
        ("LoadBalancer", "networking.gke.io/load-balancer-type: Internal", Reach.INTERNAL),
        ("LoadBalancer", "cloud.google.com/load-balancer-type: internal", Reach.INTERNAL),
        ("LoadBalancer", "service.beta.kubernetes.io/aws-load-balancer-scheme: internal", Reach.INTERNAL),
        ("LoadBalancer", "service.beta.kubernetes.io/aws-load-balancer-scheme: internet-facing", Reach.PUBLIC),
        ("LoadBalancer", 'service.beta.kubernetes.io/aws-load-balancer-internal: "true"', Reach.INTERNAL),
        ("LoadBalancer", "service.beta.kubernetes.io/aws-load-balancer-internal: true", Reach.INTERNAL),
        ("LoadBalancer", 'service.beta.kubernetes.io/azure-load-balancer-internal: "true"', Reach.INTERNAL),
        ("LoadBalancer", 'service.beta.kubernetes.io/azure-load-balancer-internal: "false"', Reach.PUBLIC),
        ("LoadBalancer", "service.beta.kubernetes.io/aws-load-balancer-type: external", Reach.INTERNAL),
        (
            "LoadBalancer",
            "service.beta.kubernetes.io/aws-load-balancer-type: external,"
            " service.beta.kubernetes.io/aws-load-balancer-scheme: internet-facing",
            Reach.PUBLIC,
        ),
        ("LoadBalancer", "service.beta.kubernetes.io/aws-load-balancer-type: nlb", Reach.PUBLIC),
        ("LoadBalancer, loadBalancerClass: service.k8s.aws/nlb", "", Reach.INTERNAL),
        ("LoadBalancer, loadBalancerClass: tailscale", "", Reach.INTERNAL),
        ("LoadBalancer, loadBalancerIP: 10.1.2.3", "", Reach.INTERNAL),
        ("LoadBalancer, loadBalancerIP: 34.1.2.3", "", Reach.PUBLIC),
        ("LoadBalancer", "metallb.io/loadBalancerIPs: 192.168.1.9", Reach.INTERNAL),
        ("LoadBalancer, loadBalancerSourceRanges: [10.0.0.0/8, 192.168.0.0/16]", "", Reach.INTERNAL),
        ("LoadBalancer, loadBalancerSourceRanges: [10.0.0.0/8, 203.0.113.7/32]", "", Reach.POSSIBLY_PUBLIC),
        ("LoadBalancer, loadBalancerSourceRanges: [10.0.0.0/8, 0.0.0.0/0]", "", Reach.PUBLIC),
        ('LoadBalancer, loadBalancerSourceRanges: ["${OFFICE}"]', "", Reach.POSSIBLY_PUBLIC),
        ("LoadBalancer, loadBalancerSourceRanges: []", "", Reach.PUBLIC),
        ("LoadBalancer", 'service.beta.kubernetes.io/load-balancer-source-ranges: "10.0.0.0/8,fd00::/8"', Reach.INTERNAL),
    ],
)  # fmt: skip
def test_services_by_themselves(kind: str, annotations: str, reach: Reach) -> None:
    way = only(POD + SERVICE.replace("TYPE", kind).replace("ANNOTATIONS", annotations))
    assert way.reach is reach
    assert (way.document.ref.kind, format_path(way.path)) == ("Service", "spec.type")
    assert way.ports == {8000, 9090}
    assert way.template.workload.ref.name == "d"


@pytest.mark.parametrize(
    ("addresses", "reach"), [("[34.1.2.3]", Reach.PUBLIC), ("[10.0.0.4]", Reach.NODE), ('["${IP}"]', None), ("[]", None), ("x", None)]
)
def test_external_addresses(addresses: str, reach: Reach | None) -> None:
    found = ways(POD + INSIDE.replace("type: ClusterIP", f"externalIPs: {addresses}"))
    assert [(format_path(way.path), way.reach) for way in found] == ([("spec.externalIPs", reach)] if reach else [])


@pytest.mark.parametrize("kind", ["ClusterIP", "ExternalName", "null", "5", '"${TYPE}"', '"{{ .Values.type }}"', "[LoadBalancer]"])
def test_services_that_open_nothing(kind: str) -> None:
    assert ways(POD + SERVICE.replace("TYPE", kind).replace("ANNOTATIONS", "")) == []


@pytest.mark.parametrize(
    ("ports", "reached"),
    [
        ("[{port: 80, targetPort: 8000}]", {8000}),
        ('[{port: 80, targetPort: "8000"}]', {8000}),
        ("[{port: 8000}]", {8000}),
        ("[{port: 80, targetPort: metrics}]", {9090}),
        ("[{port: 80, targetPort: not-declared}]", None),
        ("[]", None),
        ("null", None),
        ("[null, 5, {}]", None),
    ],
)
def test_ports_of_a_service(ports: str, reached: set[int] | None) -> None:
    service = (
        "apiVersion: v1\nkind: Service\nmetadata: {name: s, namespace: team}\nspec: {type: NodePort, selector: {app: d}, ports: PORTS}\n"
    )
    assert only(POD + service.replace("PORTS", ports)).ports == reached


@pytest.mark.parametrize("selector", ["{app: other}", "{app: d, tier: web}", "{}", "null", "{app: [d]}", "{app: {d: d}}"])
def test_services_that_select_other_pods(selector: str) -> None:
    text = SERVICE.replace("TYPE", "LoadBalancer").replace("ANNOTATIONS", "").replace("{app: d}", selector)
    assert ways(POD + text) == []


def test_services_of_other_namespaces_select_nothing() -> None:
    service = SERVICE.replace("TYPE", "LoadBalancer").replace("ANNOTATIONS", "")
    assert ways(POD + service.replace("namespace: team", "namespace: other")) == []
    assert only(POD.replace(", namespace: team", "") + service).reach is Reach.PUBLIC  # one directory, and one does not say


# -- Ingresses and routes -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("class_name", "annotations", "reach"),
    [
        ("nginx", "", Reach.POSSIBLY_PUBLIC),
        ("null", "", Reach.POSSIBLY_PUBLIC),
        ("null", "kubernetes.io/ingress.class: gce", Reach.POSSIBLY_PUBLIC),  # the field wins, and says nothing
        ("gce", "", Reach.PUBLIC),
        ("null", "kubernetes.io/ingress.class: gce-internal", Reach.INTERNAL),
        ("null", "kubernetes.io/ingress.global-static-ip-name: ip", Reach.PUBLIC),
        ("nginx-internal", "", Reach.INTERNAL),
        ("alb", "", Reach.INTERNAL),
        ("alb", "alb.ingress.kubernetes.io/scheme: internet-facing", Reach.PUBLIC),
        ("alb", "alb.ingress.kubernetes.io/scheme: internal", Reach.INTERNAL),
        ("nginx", 'nginx.ingress.kubernetes.io/whitelist-source-range: "10.0.0.0/8, 172.16.0.0/12"', Reach.INTERNAL),
        ("nginx", "nginx.ingress.kubernetes.io/whitelist-source-range: 0.0.0.0/0", Reach.POSSIBLY_PUBLIC),
        ("azure-application-gateway", 'appgw.ingress.kubernetes.io/use-private-ip: "true"', Reach.INTERNAL),
    ],
)  # fmt: skip
def test_ingresses(class_name: str, annotations: str, reach: Reach) -> None:
    way = only(POD + INSIDE + INGRESS.replace("CLASS", class_name).replace("ANNOTATIONS", annotations))
    assert way.reach is reach
    assert (way.document.ref.kind, format_path(way.path)) == ("Ingress", "spec.rules[0].http.paths[0].backend")
    assert way.ports == {8000}
    assert way.class_name == ("" if class_name == "null" else class_name)


MIDDLEWARES = "traefik.ingress.kubernetes.io/router.middlewares"


@pytest.mark.parametrize(
    ("annotations", "evidence"),
    [
        ("nginx.ingress.kubernetes.io/auth-url: https://sso", "annotation nginx.ingress.kubernetes.io/auth-url"),
        ("nginx.ingress.kubernetes.io/auth-type: basic", "annotation nginx.ingress.kubernetes.io/auth-type"),
        ("nginx.ingress.kubernetes.io/auth-tls-secret: team/ca", "annotation nginx.ingress.kubernetes.io/auth-tls-secret"),
        ("alb.ingress.kubernetes.io/auth-type: oidc", "annotation alb.ingress.kubernetes.io/auth-type"),
        ("alb.ingress.kubernetes.io/auth-type: none", ""),
        (f"{MIDDLEWARES}: team-auth@kubernetescrd", f"annotation {MIDDLEWARES}: team-auth@kubernetescrd"),
        (f"{MIDDLEWARES}: team-compress@kubernetescrd", ""),
        ("nginx.ingress.kubernetes.io/auth-url: 5", ""),
    ],
)  # fmt: skip
def test_annotations_that_ask_who_calls(annotations: str, evidence: str) -> None:
    assert only(POD + INSIDE + INGRESS.replace("CLASS", "nginx").replace("ANNOTATIONS", annotations)).auth == evidence


def test_default_backend_and_the_old_spelling() -> None:
    text = "apiVersion: extensions/v1beta1\nkind: Ingress\nmetadata: {name: i, namespace: team}\n"
    text += "spec: {backend: {serviceName: s, servicePort: 9090}}\n"
    way = only(POD + INSIDE + text)
    assert (format_path(way.path), way.ports) == ("spec.backend", {9090})


@pytest.mark.parametrize(
    ("class_name", "reach"),
    [
        ("gke-l7-global-external-managed", Reach.PUBLIC),
        ("gke-l7-gxlb", Reach.PUBLIC),
        ("gke-l7-rilb", Reach.INTERNAL),
        ("gke-l7-cross-regional-internal-managed-mc", Reach.INTERNAL),
        ("istio", Reach.POSSIBLY_PUBLIC),
        ("istio, infrastructure: {annotations: {networking.gke.io/load-balancer-type: Internal}}", Reach.INTERNAL),
        ("istio, addresses: [{type: IPAddress, value: 10.0.0.9}]", Reach.INTERNAL),
        ("null", Reach.POSSIBLY_PUBLIC),
    ],
)
@pytest.mark.parametrize("kind", ["Service", "InferencePool"])
def test_routes_of_the_gateway_api(class_name: str, reach: Reach, kind: str) -> None:
    text = GATEWAY.replace("CLASS", class_name).replace("KIND", kind).replace("BACKEND", {"Service": "s", "InferencePool": "p"}[kind])
    way = only(POD + INSIDE + POOL + text)
    assert way.reach is reach
    assert (way.document.ref.kind, format_path(way.path)) == ("HTTPRoute", "spec.rules[0].backendRefs[0]")
    assert way.ports == {8000}


def test_routes_whose_gateway_is_not_in_view_or_is_a_mesh() -> None:
    route = GATEWAY.partition("---")[2].replace("KIND", "Service").replace("BACKEND", "s")
    assert only(POD + INSIDE + route).reach is Reach.POSSIBLY_PUBLIC
    assert only(POD + INSIDE + route.replace("name: g,", "name: internal-gateway,")).reach is Reach.INTERNAL
    assert ways(POD + INSIDE + route.replace("name: g,", "name: s, kind: Service,")) == []


@pytest.mark.parametrize(
    ("target", "spec", "evidence"),
    [
        ("{kind: HTTPRoute, name: r}", "oidc: {provider: {}, clientID: x}", "SecurityPolicy team/sp"),
        ("{kind: HTTPRoute, name: r}", "jwt: {providers: [{name: x}]}", "SecurityPolicy team/sp"),
        ("{kind: HTTPRoute, name: r}", "cors: {allowOrigins: [x]}", ""),
        ("{kind: HTTPRoute, name: other}", "oidc: {clientID: x}", ""),
    ],
)
def test_policies_on_routes(target: str, spec: str, evidence: str) -> None:
    policy = "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: SecurityPolicy\nmetadata: {name: sp, namespace: team}\n"
    policy += f"spec: {{targetRefs: [{target}], {spec}}}\n"
    route = GATEWAY.replace("CLASS", "eg").replace("KIND", "Service").replace("BACKEND", "s")
    assert only(POD + INSIDE + route + policy).auth == evidence


def test_identity_aware_proxy() -> None:
    config = (
        "apiVersion: cloud.google.com/v1\nkind: BackendConfig\nmetadata: {name: c, namespace: team}\nspec: {iap: {enabled: ENABLED}}\n---\n"
    )
    service = SERVICE.replace("TYPE", "ClusterIP").replace("ANNOTATIONS", 'cloud.google.com/backend-config: \'{"default": "c"}\'')
    ingress = INGRESS.replace("CLASS", "gce").replace("ANNOTATIONS", "")
    assert only(POD + service + ingress + config.replace("ENABLED", "true")).auth == "Identity-Aware Proxy (BackendConfig team/c)"
    assert only(POD + service + ingress + config.replace("ENABLED", "false")).auth == ""
    assert only(POD + service + ingress).auth == ""
    policy = (
        "apiVersion: networking.gke.io/v1\nkind: GCPBackendPolicy\nmetadata: {name: b, namespace: team}\n"
        "spec: {targetRef: {kind: Service, name: s}, default: {iap: {enabled: true}}}\n---\n"
    )
    route = GATEWAY.replace("CLASS", "gke-l7-gxlb").replace("KIND", "Service").replace("BACKEND", "s")
    assert only(POD + INSIDE + policy + route).auth == "Identity-Aware Proxy (GCPBackendPolicy team/b)"


def test_openshift_routes() -> None:
    text = "apiVersion: route.openshift.io/v1\nkind: Route\nmetadata: {name: r, namespace: team}\nspec: {to: {kind: Service, name: s}}\n"
    way = only(POD + INSIDE + text)
    assert (way.how, way.reach, format_path(way.path)) == ("Route r", Reach.POSSIBLY_PUBLIC, "spec.to")


# -- Istio --------------------------------------------------------------------------------------------------------------------------------


def test_a_virtual_service_opens_as_far_as_the_gateway_is_known() -> None:
    way = only(POD + INSIDE + ISTIO)
    assert (str(way.document.ref), format_path(way.path)) == ("VirtualService elsewhere/v", "spec.http[0].route[0].destination")
    assert (way.reach, way.ports) == (Reach.POSSIBLY_PUBLIC, {8000})
    assert ways(POD + INSIDE + ISTIO.replace("[istio-system/gw, mesh]", "[mesh]")) == []
    assert only(POD + INSIDE + ISTIO.replace("istio-system/gw", "knative-serving/knative-local-gateway")).reach is Reach.INTERNAL


@pytest.mark.parametrize(("kind", "reach"), [("LoadBalancer", Reach.PUBLIC), ("NodePort", Reach.NODE)])
def test_the_service_of_the_gateway_is_what_opens(kind: str, reach: Reach) -> None:
    way = only(POD + INSIDE + ISTIO + INGRESSGATEWAY.replace("TYPE", kind))
    assert (str(way.document.ref), format_path(way.path), way.reach) == ("Service istio-system/istio-ingressgateway", "spec.type", reach)
    assert way.how == "Service istio-ingressgateway and VirtualService v"


def test_a_gateway_without_an_open_service_is_closed() -> None:
    assert only(POD + INSIDE + ISTIO + INGRESSGATEWAY.replace("TYPE", "ClusterIP")).reach is Reach.INTERNAL


AT_GATEWAY = "selector: {matchLabels: {istio: ingressgateway}}"
ADMITS_GATEWAY = "{selector: {matchLabels: {app: d}}, rules: [{from: [{source: {principals: [cluster.local/ns/istio-system/sa/gw]}}]}]}"


@pytest.mark.parametrize(
    ("namespace", "spec", "at_gateway", "direct"),
    [
        ("istio-system", f"{{{AT_GATEWAY}, action: CUSTOM, provider: {{name: sso}}, rules: [{{}}]}}", True, False),
        ("istio-system", f"{{{AT_GATEWAY}, rules: [{{}}]}}", False, False),
        ("istio-system", f"{{{AT_GATEWAY}, action: DENY, rules: [{{from: [{{source: {{notRequestPrincipals: ['*']}}}}]}}]}}", True, False),
        ("team", "{selector: {matchLabels: {app: d}}, rules: [{from: [{source: {requestPrincipals: ['*']}}]}]}", True, True),
        ("team", ADMITS_GATEWAY, False, True),
        ("team", "{}", True, True),
        ("team", "{selector: {matchLabels: {app: other}}}", False, False),
        ("team", "{rules: [{to: [{operation: {methods: [GET]}}]}]}", False, False),
        ("team", "{action: AUDIT}", False, False),
        ("other", "{}", False, False),
        ("team", "null", True, True),
    ],
)  # fmt: skip
def test_authorization_policies(namespace: str, spec: str, at_gateway: bool, direct: bool) -> None:
    policy = POLICY.replace("NAMESPACE", namespace).replace("SPEC", spec)
    through = only(POD + INSIDE + ISTIO + INGRESSGATEWAY.replace("TYPE", "LoadBalancer") + policy)
    assert bool(through.auth) is at_gateway
    balanced = only(POD + SERVICE.replace("TYPE", "LoadBalancer").replace("ANNOTATIONS", "") + policy)
    assert bool(balanced.auth) is direct


# -- pods by themselves -------------------------------------------------------------------------------------------------------------------


def test_ports_of_the_node() -> None:
    host = POD.replace("containerPort: 8000", "containerPort: 8000, hostPort: 80").replace("9090}", "9090, hostPort: 9, hostIP: 127.0.0.1}")
    found = ways(host)
    assert [(format_path(way.path), way.ports, way.reach) for way in found] == [
        ("spec.template.spec.containers[0].ports[0].hostPort", {8000}, Reach.NODE),
        ("spec.template.spec.containers[0].ports[1].hostPort", {9090}, Reach.INTERNAL),
    ]
    network = only(POD.replace("      containers:", "      hostNetwork: true\n      containers:"))
    assert (format_path(network.path), network.ports, network.reach) == ("spec.template.spec.hostNetwork", None, Reach.NODE)


PROXY = "\n      - {name: proxy, image: quay.io/oauth2-proxy/oauth2-proxy:v7, ports: [{name: auth, containerPort: 4180}]}\n---\n"


def test_a_proxy_guards_what_leads_through_it() -> None:
    proxied = POD.replace("\n---\n", PROXY)
    service = SERVICE.replace("TYPE", "NodePort").replace("ANNOTATIONS", "")
    assert only(proxied + service.replace("targetPort: http}, {port: 9090}", "targetPort: auth}")).auth == "container proxy"
    assert only(proxied + service).auth == ""


RAY = """
apiVersion: ray.io/v1
kind: RayCluster
metadata: {name: rc, namespace: team, annotations: {kubernetes.io/ingress.class: nginx}}
spec:
  headServiceAnnotations: {ANNOTATIONS}
  headGroupSpec:
    FIELD
    template:
      spec: {containers: [{name: head, ports: PORTS}]}
  workerGroupSpecs:
  - groupName: w
    template: {spec: {containers: [{name: worker}]}}
---
"""


@pytest.mark.parametrize(
    ("field", "annotations", "path", "reach"),
    [
        ("serviceType: NodePort", "", "serviceType", Reach.NODE),
        ("serviceType: LoadBalancer", "", "serviceType", Reach.PUBLIC),
        ("serviceType: LoadBalancer", "networking.gke.io/load-balancer-type: Internal", "serviceType", Reach.INTERNAL),
        ("headService: {spec: {type: LoadBalancer}}", "", "headService.spec.type", Reach.PUBLIC),
        (
            "headService: {metadata: {annotations: {networking.gke.io/load-balancer-type: Internal}}, spec: {type: LoadBalancer}}", "",
            "headService.spec.type", Reach.INTERNAL,
        ),
        ("enableIngress: true", "", "enableIngress", Reach.POSSIBLY_PUBLIC),
    ],
)  # fmt: skip
def test_what_kuberay_makes(field: str, annotations: str, path: str, reach: Reach) -> None:
    way = only(RAY.replace("FIELD", field).replace("ANNOTATIONS", annotations).replace("PORTS", "[]"))
    assert (format_path(way.path), way.reach) == (f"spec.headGroupSpec.{path}", reach)
    assert way.ports == ({8265} if path == "enableIngress" else {6379, 8000, 8080, 8265, 10001})


def test_what_leads_to_a_ray_head() -> None:
    closed = RAY.replace("FIELD", "serviceType: ClusterIP").replace("ANNOTATIONS", "")
    ingress = (
        INGRESS.replace("name: s,", "name: rc-head-svc,").replace("ANNOTATIONS", "").replace("CLASS", "nginx").replace("web", "dashboard")
    )
    way = only(closed.replace("PORTS", "[]") + ingress)
    assert (way.how, way.ports, way.template.component) == ("Ingress i", {8265}, "head")
    declared = only(closed.replace("PORTS", "[{name: dashboard, containerPort: 9999}]") + ingress)
    assert declared.ports == {9999}
    service = (
        SERVICE.replace("TYPE", "NodePort").replace("ANNOTATIONS", "").replace("{app: d}", "{ray.io/cluster: rc, ray.io/node-type: head}")
    )
    assert only(closed.replace("PORTS", "[]") + service).template.component == "head"


def test_other_operators() -> None:
    nim = "apiVersion: apps.nvidia.com/v1alpha1\nkind: NIMService\nmetadata: {name: nim}\n"
    nim += "spec: {expose: {service: {type: LoadBalancer, port: 8000}}}\n"
    assert (only(nim).reach, format_path(only(nim).path)) == (Reach.PUBLIC, "spec.expose.service.type")
    spark = "apiVersion: sparkoperator.k8s.io/v1beta2\nkind: SparkApplication\nmetadata: {name: s}\n"
    spark += "spec: {sparkUIOptions: {serviceType: NodePort}, driver: {cores: 1}}\n"
    assert (only(spark).ports, format_path(only(spark).path)) == ({4040}, "spec.sparkUIOptions.serviceType")
    notebook = "apiVersion: kubeflow.org/v1\nkind: Notebook\nmetadata: {name: s, namespace: team}\n"
    notebook += "spec: {template: {spec: {containers: [{name: s}]}}}\n---\n"
    assert only(notebook + INGRESS.replace("CLASS", "nginx").replace("ANNOTATIONS", "")).template.workload.ref.kind == "Notebook"


def test_a_user_may_say_what_stays_inside() -> None:
    way = only(POD + INSIDE + INGRESS.replace("CLASS", "edge").replace("ANNOTATIONS", "example.com/zone: office"))
    assert way.is_marked(["edge"])
    assert way.is_marked(["example.com/zone=office"])
    assert not way.is_marked(["other", "example.com/zone=lab"])
    assert not way.is_marked([])


@pytest.mark.parametrize("junk", ["null", "5", "x", "[]", "[null]", "{a: null}", "{rules: [null, {http: 5}], http: [5], parentRefs: [5]}"])
def test_junk_opens_nothing_and_breaks_nothing(junk: str) -> None:
    kinds = (
        ("networking.k8s.io/v1", "Ingress"), ("gateway.networking.k8s.io/v1", "HTTPRoute"), ("gateway.networking.k8s.io/v1", "Gateway"),
        ("networking.istio.io/v1", "VirtualService"), ("networking.istio.io/v1", "Gateway"), ("route.openshift.io/v1", "Route"),
        ("v1", "Service"),
        ("inference.networking.k8s.io/v1", "InferencePool"), ("security.istio.io/v1", "AuthorizationPolicy"),
    )  # fmt: skip
    text = "---\n".join(f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: x}}\nspec: {junk}\n" for version, kind in kinds)
    assert ways(POD.replace(", namespace: team", "") + text) == []


# -- selectors and the labels that controllers add --------------------------------------------------------------------------------------

_KINDS = {
    "Deployment": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\n"
    "spec: {template: {metadata: {labels: {app: d}}, spec: SPEC}}",
    "Job": "apiVersion: batch/v1\nkind: Job\nmetadata: {name: j}\nspec: {template: {metadata: {labels: {app: d}}, spec: SPEC}}",
    "RayCluster": "apiVersion: ray.io/v1\nkind: RayCluster\nmetadata: {name: r}\n"
    "spec: {headGroupSpec: {template: {metadata: {labels: {app: d}}, spec: SPEC}}}",
    "PyTorchJob": "apiVersion: kubeflow.org/v1\nkind: PyTorchJob\nmetadata: {name: p}\n"
    "spec: {pytorchReplicaSpecs: {Worker: {template: {metadata: {labels: {app: d}}, spec: SPEC}}}}",
    "Unlisted": "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: t}\nspec: {template: {spec: SPEC}}",
}


@pytest.mark.parametrize(
    ("kind", "selector", "may"),
    [
        ("Deployment", "app=d", True),
        ("Deployment", "app=e", False),
        ("Deployment", "app=d,tier=web", False),
        ("Deployment", "!tier,app notin (e)", True),
        ("Deployment", "app=d,pod-template-hash=abc", True),
        ("Deployment", "ray.io/node-type=head", False),
        ("Job", "batch.kubernetes.io/job-name=j", True),
        ("Job", "job-name=j-0", True),
        ("Job", "batch.kubernetes.io/job-name=other", False),
        ("RayCluster", "ray.io/cluster=r,ray.io/node-type=head", True),
        ("RayCluster", "ray.io/cluster=other", False),
        ("RayCluster", "ray.io/serve=true", True),
        ("RayCluster", "app=e,ray.io/node-type=head", False),
        ("RayCluster", "tier=web", False),
        ("PyTorchJob", "training.kubeflow.org/job-name=p,training.kubeflow.org/replica-index=0", True),
        ("PyTorchJob", "training.kubeflow.org/job-name=q", False),
        ("Unlisted", "app=whatever", True),
    ],
)
def test_labels_that_controllers_may_add(kind: str, selector: str, may: bool) -> None:
    found = snapshot(_KINDS[kind].replace("SPEC", "{containers: [{name: c}]}"))
    assert may_be_selected(found.workloads[0].templates[0], parse_selector(selector)) is may
