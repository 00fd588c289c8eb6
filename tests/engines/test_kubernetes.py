"""The Kubernetes objects by the schemas of Kubernetes itself, without a cluster."""

import pytest
import yaml
from tests.conftest import PROJECT

OBJECTS = list(yaml.safe_load_all((PROJECT / "deploy/kubernetes/tweet-sentiment.yaml").read_text()))
lacking = "the schemas are in another package: pip install kubernetes-validate"
kubernetes_validate = pytest.importorskip("kubernetes_validate", reason=lacking)


@pytest.mark.parametrize("version", ["1.30", kubernetes_validate.latest_version()])
@pytest.mark.parametrize("manifest", OBJECTS, ids=lambda one: one["kind"])
def test_each_object_is_valid_and_has_no_unknown_key(manifest, version):
    kubernetes_validate.validate(manifest, version, strict=True)


def test_a_wrong_key_is_found():
    wrong = next(one for one in OBJECTS if one["kind"] == "Service")
    wrong = wrong | {"spec": wrong["spec"] | {"selektor": {}}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, kubernetes_validate.latest_version(), strict=True)
