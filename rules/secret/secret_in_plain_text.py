"""A credential stands in the manifest itself, where everybody who may read the object or the repository can read it.

## Why it matters
Environment variables, arguments and ConfigMaps are not protected: `kubectl get` shows them, `view` roles may read them, they are copied
into crash reports and dashboards, and Git keeps them for ever. A Hugging Face, NVIDIA or cloud token opens models, data and somebody's
bill. A value that was ever pushed has to be revoked; taking it out of the file is not enough. A report never shows more than the first
four characters of a known sort of token, and of everything else only its length.

## Bad
A token that is known by its form is critical, wherever it stands; a value under the name of a credential is high, in a ConfigMap
medium.
```yaml
apiVersion: v1
kind: Pod
metadata: {name: server}
spec:
  containers:
  - name: server
    image: vllm/vllm-openai:v0.22.0
    env:
    - name: HF_TOKEN
      value: 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  # finding
    - name: DB_PASSWORD
      value: "Tr0ub4dor&3-horse"  # finding
    - name: TRACKING_URI
      value: postgresql://mlflow:k7Qz29vLx@db.example.com/mlflow  # finding
    args:
    - --api-key=token-9f31c2d7  # finding
    - --admin-password
    - correct-Horse-7-battery  # finding
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data:
  s3_secret_key: wJalrXUtnFEMIK7MDENGbPxRfiCY  # finding
  .env: |  # finding
    MODEL=resnet
    export WANDB_API_KEY=9f31c2d7a04be8569f31c2d7a04be8569f31c2d7
```

```yaml
apiVersion: sparkoperator.k8s.io/v1beta2
kind: SparkApplication
metadata: {name: features}
spec:
  sparkConf:
    spark.hadoop.fs.s3a.endpoint: http://minio:9000
    spark.hadoop.fs.s3a.secret.key: 8fQ2mZr7Lw0x  # finding
```

## Good
```yaml
apiVersion: v1
kind: Pod
metadata: {name: server}
spec:
  containers:
  - name: server
    image: vllm/vllm-openai:v0.22.0
    env:
    - name: HF_TOKEN
      valueFrom: {secretKeyRef: {name: hf-token, key: token}}
    - {name: OPENAI_API_KEY, value: "$(OTHER)"}
    - {name: MLFLOW_TRACKING_TOKEN, value: "<your-token>"}
    - {name: GITHUB_TOKEN, value: ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx}
    - {name: DB_PASSWORD, value: changeme}
    - {name: VAULT_TOKEN, value: "vault:secret/data/models#token"}
    - {name: SECRET_NAME, value: model-registry-credentials}
    - {name: TOKEN, value: hf-token-secret}
    - {name: TOKEN_FILE, value: /var/run/secrets/tokens/api}
    - {name: TOKENIZER, value: meta-llama/Llama-3.1-8B}
    - {name: PAD_TOKEN, value: "[padding_token_8]"}
    - {name: MAX_TOKENS, value: "16384000"}
    - {name: TRACKING_URI, value: "postgresql://mlflow:$(DB_PASSWORD)@db/mlflow"}
    - {name: MODEL_URI, value: "oci://model:v1.0@sha256:5f3a1c7f0c3e3ac9b1f7a8fce3a1c7f0c3e3ac9b1f7a8fce3a1c7f0c3e3ac9b1"}
    - {name: DISK, value: disk-encryption-set-00112233445566aabb}
    args: [--max-num-batched-tokens=16384, --api-key, $(API_KEY)]
    command: [sh, -c, "export TOKEN=$(cat /var/run/secrets/token) && python serve.py"]
---
apiVersion: v1
kind: Secret
metadata: {name: hf-token}
stringData: {token: "${HF_TOKEN}"}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data:
  config.yaml: |
    token: ${HF_TOKEN}
    password: ENC[AES256_GCM,data:Tr9Kw2,type:str]
  serve.py: |
    token = os.environ["HF_TOKEN"]
```

## When to ignore
For the made-up credentials of a test that reaches nothing.

## References
- https://kubernetes.io/docs/concepts/security/secrets-good-practices/
- https://docs.vllm.ai/en/stable/deployment/k8s/
- https://owasp.org/www-project-kubernetes-top-ten/
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.credentials import credentials_in, is_secret_object, values_of_secret
from auditor.document import Document
from auditor.rule import RECOMMENDED, STRICT, Fault, Severity, rule


@rule("secret-in-plain-text", title="Credential in plain text", severity=Severity.HIGH, profiles={RECOMMENDED})
def check(document: Document) -> Iterator[Fault]:
    if is_secret_object(document):
        yield from _kept_in_git(document)
        return
    for credential in credentials_in(document):
        yield Fault(
            document,
            credential.path,
            credential.message,
            remediation="revoke it, put a new one into a Secret, and refer to that with `valueFrom.secretKeyRef`",
            severity=credential.severity,
            confidence=credential.confidence,
        )


def _kept_in_git(document: Document) -> Iterator[Fault]:
    """A Secret is where credentials belong, but not in a file: base64 hides nothing."""
    filled = values_of_secret(document) if document.positioned else []
    if filled:
        yield Fault(
            document,
            ("stringData",) if "stringData" in document.raw else ("data",),
            f"the file holds {len(filled)} of the values of this Secret; base64 is no encryption",
            remediation="keep it in a vault or sealed (External Secrets, Sealed Secrets, SOPS)",
            severity=Severity.INFO,
            profiles={STRICT},
        )
