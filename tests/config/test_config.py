"""conf/ as frozen, closed dataclasses: what composes, what is refused and in which words."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from segments.app.load import load
from segments.config.sweep import FeatureSet, Scaler, SweepConfig
from segments.errors import ConfigError


def test_the_default_grid(project: Path) -> None:
    """Five feature sets x five scalers x k 2-12 on the bundled data."""
    config = load(project=project)
    assert config.source.name == "completejourney"
    assert (len(config.grid_feature_sets), len(config.grid_scalers)) == (5, 5)
    assert (config.sweep.k_min, config.sweep.k_max) == (2, 12)


def test_the_mall_recipe(project: Path) -> None:
    config = load(["experiment=mall"], project)
    assert config.source.name == "mall"
    assert list(config.grid_feature_sets) == ["income_spending", "age_spending", "age_income", "age_income_spending"]
    assert list(config.grid_scalers) == ["none", "standard", "minmax", "robust", "power", "quantile"]
    assert (config.sweep.k_min, config.sweep.k_max) == (2, 10)


def test_another_source_brings_its_own_feature_sets(project: Path) -> None:
    assert next(iter(load(["source=mall"], project).grid_feature_sets)) == "income_spending"


def test_an_override_reaches_the_dataclass(project: Path) -> None:
    config = load(
        ["sweep.k_max=8", "sweep.scalers=[robust]", "k=7", "scaler=quantile", "scaler.n_quantiles=50"], project
    )
    assert (config.sweep.k_max, list(config.grid_scalers), config.k) == (8, ["robust"], 7)
    assert config.scaler == Scaler("quantile", n_quantiles=50)


@pytest.mark.parametrize(
    ("override", "what", "hint"),
    [
        ("sweep.kmax=3", "'sweep.kmax' is not a known key", "did you mean 'sweep.k_max'?"),
        ("+typo=1", "'typo' is not a known key", "known here: source"),
        ("+sweep.typo=1", "'typo' is not a known key", "k_max"),
        ("source=malll", "there is no source 'malll'", "did you mean 'mall'?"),
        ("scaler=standrd", "there is no scaler 'standrd'", "did you mean 'standard'?"),
        ("experiment=nope", "there is no experiment 'nope'", "smoke"),
        ("sweep.scalers=[standrd]", "there is no scaler 'standrd'", "did you mean 'standard'?"),
        ("sweep.feature_sets=[rfmm]", "there is no feature_set 'rfmm'", "did you mean 'rfm'?"),
        ("sweep.scalers=standard", "'standard' is not a list", "sweep.scalers=[a,b]"),
        ("sweep.scalers=[robust,robust]", "named twice: robust", "once"),
        ("sweep.scalers=[]", "the list is empty", "at least one"),
        ("sweep.k_max=abc", "'abc'", "correct"),
        ("k=1", "1 is out of range", "at least 2"),
        ("selection.metric=silhuette", "'silhuette' is not a known value", "did you mean 'silhouette'?"),
        ("selection.metric=nope", "'nope' is not a known value", "allowed: excess"),
        ("algorithm.hits=[1", "no viable alternative", "conf/config.yaml"),
        ("evidence.seed=4294967296", "4294967296 is out of range", "of at most 4294967295"),
        ("selection.max_largest_share=1.5", "1.5 is out of range", "of at most 1"),
        ("+feature_set.columns.monetary.weight=0", "0 is out of range", "of more than 0"),
        ("identity.max_distance=nan", "finite", "correct"),
        ("selection.grades=[]", "the list is empty", "allowed: natural"),
        ("+scaler.kind=joblib.load", "'joblib.load' is not a known value", "allowed: none"),
    ],
)
def test_a_bad_override_is_one_clear_error(project: Path, override: str, what: str, hint: str) -> None:
    with pytest.raises(ConfigError) as error:
        load([override], project)
    assert what in error.value.what
    assert hint in error.value.fix


def test_a_reversed_range_of_k(project: Path) -> None:
    with pytest.raises(ConfigError, match="reversed") as error:
        load(["sweep.k_min=9", "sweep.k_max=3"], project)
    assert error.value.where == "sweep.k_min, sweep.k_max"


@pytest.mark.parametrize(
    ("when", "what", "where"),
    [
        ("{any: {age: hihg}}", "'hihg' is not a known value", "when.any.age"),
        ("{all: {age: low}, unless: {age: low}}", "both need and lack", "when.unless.age"),
        ("{min_revenue_share: 2}", "2 is out of range", "when.min_revenue_share"),
    ],
)
def test_what_a_rule_refuses_in_a_group_file_names_the_file_and_the_key(
    project: Path, tmp_path: Path, when: str, what: str, where: str
) -> None:
    shutil.copytree(project / "conf", tmp_path / "conf", symlinks=True)
    book = tmp_path / "conf" / "playbook" / "mine.yaml"
    book.write_text(
        f"{{name: mine, title: a, goal: a, do: [a], avoid: [a], channel: a, offer: a, kpi: a, when: {when}}}\n"
    )
    with pytest.raises(ConfigError, match=what) as error:
        load([], tmp_path)
    assert error.value.where == f"conf/playbook/mine.yaml: {where}"


def test_a_misspelt_key_in_a_group_file_names_the_file(project: Path, tmp_path: Path) -> None:
    shutil.copytree(project / "conf", tmp_path / "conf", symlinks=True)
    (tmp_path / "conf" / "feature_set" / "rfm.yaml").write_text("name: rfm\ncolumns:\n  monetary: {transfrom: log1p}\n")
    with pytest.raises(ConfigError) as error:
        load([], tmp_path)
    assert "'transfrom' is not a known key" in error.value.what
    assert "feature_set" in error.value.where
    assert "did you mean 'transform'?" in error.value.fix


def test_no_config_can_name_code_to_run(project: Path) -> None:
    with pytest.raises(ConfigError, match="'_target_' is not a known key"):
        load(["+scaler._target_=joblib.load"], project)


@pytest.mark.parametrize(
    "make",
    [
        lambda: FeatureSet("empty", {}),
        lambda: SweepConfig(["a"], ["b"], k_min=5, k_max=4),
        lambda: SweepConfig([], ["b"]),
    ],
)
def test_dataclasses_check_themselves(make) -> None:
    with pytest.raises(ValueError):
        make()


@pytest.mark.slow
def test_a_variant_of_a_scaler_is_one_yaml_and_has_its_own_name(project: Path, tmp_path: Path) -> None:
    shutil.copytree(project / "conf", tmp_path / "conf", symlinks=True)
    (tmp_path / "conf" / "scaler" / "deciles.yaml").write_text("name: deciles\nkind: quantile\nn_quantiles: 10\n")
    config = load(["sweep.scalers=[quantile,deciles]"], tmp_path)
    assert config.grid_scalers["deciles"] == Scaler("deciles", "quantile", 10)
    assert config.grid_scalers["deciles"].method == "quantile"


def test_a_scaler_of_its_own_name_needs_a_kind(project: Path, tmp_path: Path) -> None:
    shutil.copytree(project / "conf", tmp_path / "conf", symlinks=True)
    (tmp_path / "conf" / "scaler" / "mine.yaml").write_text("name: mine\n")
    with pytest.raises(ConfigError, match="'mine' is not a known value") as error:
        load(["sweep.scalers=[mine]"], tmp_path)
    assert (error.value.where, error.value.fix[:16]) == ("conf/scaler/mine.yaml: name", "add a kind: none")


def test_a_file_that_calls_itself_otherwise_is_refused(project: Path, tmp_path: Path) -> None:
    shutil.copytree(project / "conf", tmp_path / "conf", symlinks=True)
    (tmp_path / "conf" / "scaler" / "mine.yaml").write_text("name: quantile\n")
    with pytest.raises(ConfigError, match=r"calls itself 'quantile'"):
        load(["sweep.scalers=[mine]"], tmp_path)


def test_an_experiment_that_lacks_a_file_just_written_says_so(project: Path, tmp_path: Path) -> None:
    """DVC copies what git knows: a new YAML that nobody added is in the checkout, and not in the experiment's folder."""
    copy = tmp_path / ".dvc/tmp/exps/tmpabc"
    for folder in (tmp_path, copy):
        shutil.copytree(project / "conf", folder / "conf")
    (tmp_path / "conf/source/mine.yaml").write_text("name: mine\n")
    with pytest.raises(ConfigError, match=r"the experiment has no conf/source/mine\.yaml, which is untracked") as error:
        load(["source=mine"], copy)
    assert "git add -N conf/source/mine.yaml" in error.value.fix
    with pytest.raises(ConfigError, match="there is no source 'mime'"):
        load(["source=mime"], copy)


def test_of_recipes_and_of_servers_none_can_be_chosen(project: Path) -> None:
    plain = load(project=project)
    assert load(["experiment=null", "tracking=null"], project=project) == plain
    assert load(["~experiment"], project=project) == plain
