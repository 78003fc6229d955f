"""Every kind of invalid parameter gives one message: path, value given, what is allowed."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import yaml

from landscape_catalog.errors import CodeError, LandscapeError, SpecError, shortened
from landscape_catalog.pipeline.shared.workspace import open_workspace
from tests.conftest import ROOT
from tests.experiment.conftest import Own
from tests.stages import run_stages

GOOD = """\
dataset: {name: digits}
model: {name: resnet18}
load: {width: [2, 4]}
temperature: {batch_size: [16, 32]}
train: {}
measure: {}
classify: {}
report: {}
variants: {}
"""

LARGE = "dataset: {name: digits, resize: 32}"


def text(
    name: str = "transformer",
    model: str = "",
    dataset: str = "vocabulary: 300",
    load: str = "",
    train: str = "",
    similarity: str = "{perturbation: token_noise}",
) -> str:
    """Valid parameters of a translation experiment, with entries added to its sections."""
    if "width" not in load:
        load = f"width: 8, {load}"
    return (
        f"dataset: {{name: number_words, {dataset}}}\n"
        f"model: {{name: {name}, args: {{{model}}}}}\n"
        f"load: {{{load}}}\n"
        f"train: {{{train}}}\n"
        f"measure: {{similarity: {similarity}}}"
    )


# Custom modules: what they define, or what happens when they are imported.
OWN = {
    "good": """\
        import numpy as np

        def network(width, input_shape, n_outputs, depth=2, *, rate=0.1):
            raise NotImplementedError

        def bare(width, input_shape, n_outputs):
            raise NotImplementedError

        def data(count=400):
            return {"inputs": np.ones((count, 2)), "targets": np.arange(count) % 2}

        data.version = "1"
        value = 3
        """,
    "broken": "1 / 0",
    "unparsed": "def network(:",
    "wanting": "import not_installed_anywhere",
    "leaving": "raise SystemExit(0)",
    "pleading": "raise ModuleNotFoundError('first install it')",
}

DEVICES = "auto, a number of GPUs, or a list of distinct indices from 0"
# The change, then the path, the value given and the values allowed in the message.
BAD = {
    "unknown section": ("lod: {width: 2}", "lod", "unknown key", "did you mean `load`"),
    "unknown key": ("load: {widht: 2, width: 4}", "load.widht", "unknown", "did you mean `width`"),
    "unknown nested key": (
        "measure: {hessian: {sample: 3}}", "measure.hessian.sample", "unknown", "`samples`"),
    "wrong type": ("load: {width: wide}", "load.width", "'wide'", "integer"),
    "wrong type in an axis": ("load: {width: [2, wide]}", "load.width", "'wide'", "integer"),
    "a number in quotes": ("temperature: {lr: '0.1'}", "temperature.lr", "'0.1'", "number"),
    "a fraction for a count": ("load: {width: 2.5}", "load.width", "2.5", "integer"),
    "a boolean for a count": ("load: {width: true}", "load.width", "True", "integer"),
    "out of range": ("load: {width: 2, label_noise: 1.5}", "load.label_noise", "1.5", "less than or equal to 1"),
    "negative": ("temperature: {weight_decay: -1}", "temperature.weight_decay", "-1", "greater than or equal to 0"),
    "zero": ("train: {epochs: 0}", "train.epochs", "0", "greater than 0"),
    "NaN": ("temperature: {lr: .nan}", "temperature.lr", "nan", "finite"),
    "infinite": ("temperature: {lr: .inf}", "temperature.lr", "inf", "finite"),
    "empty axis": ("load: {width: []}", "load.width", "[]", "at least one"),
    "repeated axis value": ("load: {width: [2, 4, 2]}", "load.width", "[2, 4, 2]", "repeated: 2"),
    "all samples of an uncounted dataset": (
        "dataset: {name: iwslt_de_en, test_samples: all}\nmodel: {name: transformer}\nload: {width: 8}\n"
        "measure: {similarity: {perturbation: token_noise}}", "load.samples", "'all'", "a number"),
    "the same samples twice": ("load: {width: 2, samples: [all, 1437]}", "load.samples", "all", "same"),
    "samples neither number nor all": ("load: {width: 2, samples: some}", "load.samples", "'some'", "'all'"),
    "more samples than there are": ("load: {width: 2, samples: 5000}", "load.samples", "5000", "at most 1437"),
    "batch larger than a landscape": (
        "load: {width: 2, samples: [300, 20]}\nmeasure: {hessian: {samples: 9}, connectivity: {batch_size: 9}}",
        "temperature.batch_size", "32", "at most 20"),
    "Hessian batch too large": ("load: {width: 2, samples: 150}", "measure.hessian.samples", "200", "at most 150"),
    "test set too large": ("dataset: {name: digits, test_samples: 1790}", "dataset.test_samples", "1790", "between 10"),
    "unknown dataset": ("dataset: {name: cifar11}", "dataset.name", "'cifar11'", "digits"),
    "unknown model": ("model: {name: resnet19}", "model.name", "'resnet19'", "resnet18"),
    "unknown choice": (
        "measure: {connectivity: {pairs: some}}", "measure.connectivity.pairs", "'some'", "'first', 'ring' or 'all'"),
    "a list for a parameter without axis": ("train: {epochs: [1, 2]}", "train.epochs", "[1, 2]", "integer"),
    "missing section": ("model:", "model", "null", ""),
    "a seed too large": ("dataset: {name: digits, seed: 4294967296}", "dataset.seed", "4294967296", "less than"),
    "text that is not UTF-8": ('report: {title: "\\ud800"}', "report.title", "ud800", "UTF-8"),
    "a section that is a number": ("train: 5", "train", "5", "a mapping"),
    "a missing device": ("execution: {device: cuda}", "execution.device", "'cuda'", "finds no GPU"),
    "a missing device of Apple": ("execution: {device: mps}", "execution.device", "'mps'", "finds no GPU of Apple"),
    "an unknown device": ("execution: {device: gpu}", "execution.device", "'gpu'", "'auto', 'cpu', 'cuda' or 'mps'"),
    "GPUs for a CPU": ("execution: {device: cpu, devices: 1}", "execution.devices", "1", "auto, since `execution.device` is cpu"),
    "GPUs where there are none": ("execution: {devices: [0]}", "execution.devices", "[0]", "auto, since torch finds no GPU"),
    "GPUs for a cluster": (
        "execution: {device: cuda, devices: 2, engine: dask, scheduler: 'tcp://127.0.0.1:1'}",
        "execution.devices", "2", "auto, since the workers of a Dask cluster have their own GPUs"),
    "no GPUs": ("execution: {devices: 0}", "execution.devices", "0", DEVICES),
    "an empty list of GPUs": ("execution: {devices: []}", "execution.devices", "[]", DEVICES),
    "a GPU twice": ("execution: {devices: [1, 0, 1]}", "execution.devices", "[1, 0, 1]", DEVICES),
    "a negative GPU": ("execution: {devices: [-1]}", "execution.devices", "[-1]", DEVICES),
    "a GPU in words": ("execution: {devices: all}", "execution.devices", "'all'", DEVICES),
    "a GPU as torch names it": ("execution: {devices: ['cuda:0']}", "execution.devices", "['cuda:0']", DEVICES),
    "a boolean for GPUs": ("execution: {devices: true}", "execution.devices", "True", DEVICES),
    "a boolean for a GPU": ("execution: {devices: [true]}", "execution.devices", "[True]", DEVICES),
    "half a GPU": ("execution: {devices: 0.5}", "execution.devices", "0.5", DEVICES),
    "a batch of one": ("temperature: {batch_size: [1, 2]}", "temperature.batch_size", "1", "greater than 1"),
    "missing key": ("load: {}", "load.width", "this key is required", ""),
    "a threshold that is not a number": ("classify: {train_loss: low}", "classify.train_loss", "'low'", "number"),
    "an unknown axis of the report": ("report: {x: width}", "report.x", "'width'", "load.width"),
    "an unknown engine": ("execution: {engine: threads}", "execution.engine", "'threads'", "local or serial or dask"),
    "the former name of the engine": ("execution: {executor: serial}", "execution.executor", "unknown key", "did you mean `engine`"),
    "a cluster without a scheduler": ("execution: {engine: dask}", "execution.scheduler", "null", "address of a Dask scheduler"),
    "no interval between checkpoints": ("execution: {checkpoint_seconds: 0}", "execution.checkpoint_seconds", "0", "greater than 0"),
    "workers": ("execution: {workers: many}", "execution.workers", "'many'", "'auto'"),
    # The network and its constants.
    "constants of a network without any": (
        "model: {name: resnet18, args: {depth: 3}}", "model.args.depth", "unknown parameter", "none: resnet18"),
    "a constant of another type": (
        f"{LARGE}\nmodel: {{name: vgg11, args: {{batch_norm: 1}}}}", "model.args.batch_norm", "1", "true or false"),
    "an unknown constant": (
        f"{LARGE}\nmodel: {{name: vgg11, args: {{norm: true}}}}", "model.args.norm", "unknown parameter", "batch_norm"),
    "no layers": (text(model="n_layers: 0"), "model.args.n_layers", "0", "a whole number of at least 1"),
    "too much dropout": (text(model="dropout: 1.0"), "model.args.dropout", "1.0", "at least 0 and below 1"),
    "an unknown constant of the transformer": (
        text(model="heads: 4"), "model.args.heads", "unknown parameter", "n_layers, n_heads, feed_forward, dropout"),
    "a constant that is a list": (
        f"{LARGE}\nmodel: {{name: vgg11, args: {{batch_norm: [true, false]}}}}",
        "model.args.batch_norm", "[True, False]", "true, false, a finite number"),
    "a constant that is null": (
        "model: {name: vgg11, args: {batch_norm: null}}", "model.args.batch_norm", "null", "true, false, a finite number"),
    "a constant that is infinite": (
        "model: {name: vgg11, args: {x: .inf}}", "model.args.x", "inf", "true, false, a finite number"),
    "constants that are not a mapping": ("model: {name: vgg11, args: 5}", "model.args", "5", "a mapping"),
    "the name of a constant": (
        "model: {name: vgg11, args: {batch-norm: true}}", "model.args.batch-norm", "'batch-norm'", "letters, digits and `_`"),
    "a constant without a name": ("model: {name: vgg11, args: {1: true}}", "model.args", "1", "letters, digits and `_`"),
    "heads that do not divide the width": (
        text(load="width: [8, 12]"), "load.width", "12", "multiples of 8"),
    "n_heads that does not divide the width": (
        text(load="width: [8, 12]", model="n_heads: 3"), "load.width", "8", "multiples of 3"),
    "vgg11 on small images": (
        "model: {name: vgg11}", "dataset.resize", "images of 8 x 8", "at least 32 x 32 for vgg11"),
    "vgg11 on narrow images": (
        "dataset: {name: digits, resize: [32, 16]}\nmodel: {name: vgg11}", "dataset.resize", "images of 32 x 16", "at least 32 x 32"),
    "a network for text on images": (
        "model: {name: transformer}\nload: {width: 8}", "model.name", "'transformer'", "on digits: resnet18, vgg11, or your own"),
    "a network for images on text": (
        text(name="resnet18"), "model.name", "'resnet18'", "on number_words: transformer, or your own"),
    "a custom network without a colon": (
        "model: {name: good.network}", "model.name", "'good.network'", "or your own as `package.module:function`"),
    "a name without a function": ("model: {name: 'good:'}", "model.name", "'good:'", "`package.module:function`"),
    "a name without a module": ("model: {name: ':network'}", "model.name", "':network'", "`package.module:function`"),
    "a name with an empty part": ("model: {name: 'good..a:b'}", "model.name", "'good..a:b'", "`package.module:function`"),
    "a name that ends in a dot": ("model: {name: 'good.:b.'}", "model.name", "'good.:b.'", "`package.module:function`"),
    "two functions": ("model: {name: 'good:a:b'}", "model.name", "'good:a:b'", "`package.module:function`"),
    "a file for a module": (
        "model: {name: 'custom/good.py:network'}", "model.name", "'custom/good.py:network'", "`package.module:function`"),
    **{
        f"{what} {where}": (change.replace("VALUE", value), path, given, allowed)
        for what, value, given, allowed in (
            ("an integer of 401 digits", f"1{'0' * 400}", "10000", "(integers of 64 bits)"),
            ("2^63", str(2**63), "9223372036854775808", "(integers of 64 bits)"),
            ("-2^63 - 1", str(-(2**63) - 1), "-9223372036854775809", "(integers of 64 bits)"),
            ("a long text", "x" * 10_001, "'xxx", "text (at most 10000 characters)"),
            ("deep lists", "[" * 15 + "]" * 15, "[[", "true, false, a finite number"),
            ("a mapping", "{a: {b: 1}}", "{'a': {'b': 1}}", "true, false, a finite number"),
            ("bytes", "!!binary aGk=", "b'hi'", "true, false, a finite number"),
            ("a date", "2020-01-01", "datetime.date(2020, 1, 1)", "true, false, a finite number"),
        )
        for where, change, path in (
            ("in load.extra", "load: {width: 2, extra: {depth: VALUE}}", "load.extra.depth"),
            ("in temperature.extra", "temperature: {extra: {depth: VALUE}}", "temperature.extra.depth"),
            ("in model.args", "model: {name: vgg11, args: {depth: VALUE}}", "model.args.depth"),
            ("in dataset.args", "dataset: {name: 'good:data', args: {count: VALUE}}", "dataset.args.count"),
            ("in a metric's args",
             "measure: {custom: [{name: x, scope: run, function: 'good:f', args: {a: VALUE}}]}",
             "measure.custom[0].args.a"),
            ("in a variant", "variants: {a: {model.args: {depth: VALUE}}}", "variants.a.model.args.depth"),
        )
        if (what, where) not in {
            ("deep lists", "in load.extra"), ("deep lists", "in temperature.extra")
        }
    },
    "a huge value within an axis": (
        f"load: {{width: 2, extra: {{depth: [1, {10**400}]}}}}", "load.extra.depth", "10000", "64 bits"),
    "a long name": (
        f"load: {{width: 2, extra: {{{'y' * 201}: 1}}}}", f"load.extra.{'y' * 201}", "'yyy", "at most 200 ch"),
    "a long title": (f"report: {{title: {'x' * 10_001}}}", "report.title", "'xxx", "text of at most 10000 ch"),
    "a network that is a number": ("model: {name: 5}", "model.name", "5", "text"),
    "an unknown task": ("dataset: {name: digits, task: classify}", "dataset.task", "'classify'", "auto, classification, translation, or your own"),
    "a task that does not take the data": ("dataset: {name: digits, task: translation}", "dataset.task", "'translation'", "on digits: auto, classification, or your own"),
    "an unknown rule": ("classify: {rule: paper}", "classify.rule", "'paper'", "'yang2021'"),
    # Parameters that do not apply to the data.
    "label noise on text": (
        text(load="label_noise: [0.0, 0.1]"), "load.label_noise", "[0.0, 0.1]", "0 on number_words"),
    "pixel noise on text": (
        text(load="pixel_noise: 3"), "load.pixel_noise", "3.0", "0 on number_words"),
    "mixup of text": (
        text(similarity="{}"), "measure.similarity.perturbation", "'mixup'", "token_noise on text"),
    "pixel noise of text for CKA": (
        text(similarity="[{perturbation: token_noise}, {name: b, perturbation: pixel_noise}]"),
        "measure.similarity.perturbation", "'pixel_noise'", "token_noise on text"),
    "token noise of images": (
        "measure: {similarity: {perturbation: token_noise}}", "measure.similarity.perturbation", "'token_noise'", "mixup or pixel_noise on images"),
    "augmented text": (text(train="augment: true"), "train.augment", "true", "false on number_words"),
    "resized text": (text(dataset="resize: [8, 8]"), "dataset.resize", "[8, 8]", "null on number_words"),
    "a vocabulary smaller than the bytes": (
        text(dataset="vocabulary: 259"), "dataset.vocabulary", "259", "at least 260"),
    # Counts.
    "the test split of a dataset without one": (
        "dataset: {name: digits, test_samples: all}", "dataset.test_samples", "'all'", "digits has no test split of its own"),
    "a test set without every class": (
        "dataset: {name: digits, test_samples: 9}", "dataset.test_samples", "9", "between 10 and 1787"),
    "a test set larger than the split": (
        "dataset: {name: cifar10, test_samples: 10001}", "dataset.test_samples", "10001", "`all` or between 10 and 10000"),
    "test samples neither number nor all": (
        "dataset: {name: cifar10, test_samples: some}", "dataset.test_samples", "'some'", "'all'"),
    "more samples than CIFAR-10 has": (
        "dataset: {name: cifar10}\nload: {width: 2, samples: [all, 50001]}", "load.samples", "50001", "at most 50000"),
    "all of CIFAR-10 twice": (
        "dataset: {name: cifar10}\nload: {width: 2, samples: [all, 50000]}", "load.samples", "['all', 50000]", "they are the same"),
    "no samples": ("load: {width: 2, samples: 0}", "load.samples", "0", "greater than 0 or 'all'"),
    "a curve's batch larger than a landscape": (
        "load: {width: 2, samples: [all, 250]}\nmeasure: {connectivity: [{batch_size: 64}, {name: b, batch_size: 300}]}",
        "measure.connectivity.batch_size", "300", "at most 250, the samples of the smallest landscape"),
    # Custom parameters.
    "a load parameter that no function takes": (
        "load: {width: 2, extra: {depth: [1, 2]}}", "load.extra.depth", "no function takes", "nothing: dataset, network and task take no parameters"),
    "a load parameter that a custom network lacks": (
        "model: {name: 'good:network'}\nload: {width: 2, extra: {dept: [1, 2]}}", "load.extra.dept", "no function takes", "depth, rate"),
    "a temperature parameter that no function takes": (
        "dataset: {name: 'good:data', test_samples: 100}\ntemperature: {batch_size: 16, extra: {count: 3}}",
        "temperature.extra.count", "no function takes", "nothing: network and task take no parameters"),
    "a constant with the name of a fixed argument": (
        "model: {name: 'good:network', args: {width: 3}}", "model.args.width", "unknown parameter", "depth, rate"),
    "a constant that a custom network lacks": (
        "model: {name: 'good:network', args: {dept: 3}}", "model.args.dept", "unknown parameter", "depth, rate"),
    "a constant of a custom network without parameters": (
        "model: {name: 'good:bare', args: {depth: 3}}", "model.args.depth", "unknown parameter", "nothing: good:bare has no arguments to set"),
    "a constant that a custom dataset lacks": (
        "dataset: {name: 'good:data', test_samples: 100, args: {cout: 3}}", "dataset.args.cout", "unknown parameter", "count"),
    "a constant of a built-in dataset": (
        "dataset: {name: digits, args: {count: 3}}", "dataset.args", "{'count': 3}", "digits has no arguments to set"),
    "more samples than a custom dataset has at some load": (
        "dataset: {name: 'good:data', test_samples: 100}\nload: {width: 2, samples: 250, extra: {count: [400, 300]}}\n"
        "model: {name: 'good:network'}\nmeasure: {hessian: {samples: 50}}", "load.samples", "250", "at most 200"),
    "an axis of lists": (
        "load: {width: 2, extra: {depth: [[1]]}}", "load.extra.depth", "[1]", "true, false, a finite number"),
    "the same parameter under load and temperature": (
        "model: {name: 'good:network'}\nload: {width: 2, extra: {depth: [1, 2]}}\ntemperature: {batch_size: 16, extra: {depth: [1, 3]}}",
        "temperature.extra.depth", "[1, 3]", "nothing while load.extra.depth is set"),
    "more batches than there is data for": ("load: {width: 2, samples: [300, 450]}\nmeasure: {hessian: {samples: 140, batches: 3}}", "measure.hessian.batches", "3", "at most 2: batches of 140 samples are disjoint, and the smallest landscape has 300"),
    "layers with PyHessian": ("measure: {hessian: {backend: pyhessian, layers: true}}", "measure.hessian.layers", "true", "false with backend pyhessian"),
    "batches with PyHessian": ("measure: {hessian: {backend: pyhessian, batch_size: 10}}", "measure.hessian.batch_size", "10", "null with backend pyhessian"),
    "a batch of one sample": ("measure: {hessian: {mode: train, samples: 21, batch_size: 20}}", "measure.hessian.mode", "'train'", "eval"),
    "a custom axis without values": ("load: {width: 2, extra: {depth: []}}", "load.extra.depth", "[]", "at least one"),
    "a custom axis that repeats a value": (
        "load: {width: 2, extra: {depth: [1, 2, 1]}}", "load.extra.depth", "[1, 2, 1]", "repeated: 1"),
    "the name of a parameter": ("load: {width: 2, extra: {a-b: 1}}", "load.extra.a-b", "'a-b'", "letters, digits and `_`"),
    # Files.
    "arrays without a file": ("dataset: {name: arrays}", "dataset.path", "null", "a path"),
    "pairs without files": ("dataset: {name: text_pairs}", "dataset.path", "null", "a path"),
    "one language": ("dataset: {name: text_pairs, path: x, languages: [de]}", "dataset.languages", "['de']", "two file extensions"),
    "three languages": (
        "dataset: {name: text_pairs, path: x, languages: [de, en, fr]}", "dataset.languages", "['de', 'en', 'fr']", "two file extensions"),
    "an empty path": ("dataset: {name: arrays, path: ''}", "dataset.path", "''", "a path, or null"),
    "a path with a null byte": (
        'dataset: {name: arrays, path: x.npz, test_path: "a\\0b"}', "dataset.test_path", "'a\\x00b'", "a path, or null"),
    "a folder with a null byte": ('dataset: {name: mnist, root: "a\\0b"}', "dataset.root", "'a\\x00b'", "a path"),
    "a language with a slash": (
        "dataset: {name: text_pairs, path: x, languages: [a/b, en]}", "dataset.languages", "['a/b', 'en']", "two file extensions"),
    "an empty language": (
        "dataset: {name: text_pairs, path: x, languages: ['', en]}", "dataset.languages", "['', 'en']", "two file extensions"),
    # Sizes of images.
    "three sizes": ("dataset: {name: digits, resize: [8, 8, 8]}", "dataset.resize", "[8, 8, 8]", "[height, width], or null"),
    "one size in a list": ("dataset: {name: digits, resize: [8]}", "dataset.resize", "[8]", "[height, width], or null"),
    "a size of zero": ("dataset: {name: digits, resize: [0, 8]}", "dataset.resize", "[0, 8]", "[height, width], or null"),
    "half a pixel": ("dataset: {name: digits, resize: 8.5}", "dataset.resize", "8.5", "a positive integer"),
    "a size in words": ("dataset: {name: digits, resize: big}", "dataset.resize", "'big'", "a positive integer"),
    # Training.
    "a milestone after the end": (
        "train: {schedule: step, milestones: [0.5, 1.5]}", "train.milestones", "1.5", "less than or equal to 1"),
    "a milestone before the start": (
        "train: {schedule: step, milestones: [-0.5]}", "train.milestones", "-0.5", "greater than or equal to 0"),
    "no milestones": ("train: {schedule: step, milestones: []}", "train.milestones", "[]", "a non-empty list"),
    "one milestone without a list": ("train: {milestones: 0.5}", "train.milestones", "0.5", "a list"),
    "an unknown schedule": ("train: {schedule: cosine}", "train.schedule", "'cosine'", "'constant', 'step' or 'inverse_sqrt'"),
    "an unknown optimiser": ("train: {optimizer: adamw}", "train.optimizer", "'adamw'", "'sgd' or 'adam'"),
    "an unknown stopping rule": ("train: {stopping: never}", "train.stopping", "'never'", "'rule', 'epochs' or 'updates'"),
    "a decay rate of one": ("train: {beta1: 1.0}", "train.beta1", "1.0", "less than 1"),
    "gradients clipped to zero": ("train: {clip_norm: 0}", "train.clip_norm", "0", "greater than 0"),
    "a negative warm-up": ("train: {warmup: -1}", "train.warmup", "-1", "greater than or equal to 0"),
    # Probes and snapshots.
    "probes of equal name": (
        "measure: {similarity: [{}, {name: b}, {name: b}]}", "measure.similarity", "'b'", "(repeated: b)"),
    "a second probe named primary": (
        "measure: {connectivity: [{name: a}, {}]}", "measure.connectivity", "[{'name': 'a'}, {}]", "only the first may be left at `primary`"),
    "a probe without a name": ("measure: {connectivity: {name: ''}}", "measure.connectivity.name", "''", "non-empty text"),
    "no probes": ("measure: {connectivity: []}", "measure.connectivity", "[]", "a non-empty list"),
    "a probe that is a number": ("measure: {connectivity: [{}, 5]}", "measure.connectivity", "5", "a mapping of parameters"),
    "an unknown key of a probe": (
        "measure: {connectivity: {lrr: 1}}", "measure.connectivity.lrr", "unknown key", "did you mean `lr`"),
    "an unknown key of a probe in a list": (
        "measure: {similarity: [{}, {name: b, alhpa: 1.0}]}", "measure.similarity.alhpa", "unknown key", "did you mean `alpha`"),
    "a wrong value of a probe in a list": (
        "measure: {similarity: [{}, {name: b, alpha: 0}]}", "measure.similarity.alpha", "0", "greater than 0"),
    "a curve of two points": (
        "measure: {connectivity: {control_points: 2}}", "measure.connectivity.control_points", "2", "greater than or equal to 3"),
    "a curve without epochs": (
        "measure: {connectivity: {epochs: 0}}", "measure.connectivity.epochs", "0", "greater than 0 or 'auto'"),
    "epochs of another word": (
        "measure: {connectivity: {epochs: automatic}}", "measure.connectivity.epochs", "'automatic'", "integer or 'auto'"),
    "updates of a curve that chooses its length": (
        "measure: {connectivity: {epochs: auto, updates: 100}}", "measure.connectivity.updates", "100", "null with epochs: auto"),
    "updates of a second curve that chooses its length": (
        "measure: {connectivity: [{}, {name: b, epochs: auto, updates: 100}]}", "measure.connectivity.updates", "100", "null with epochs: auto"),
    "too few epochs to compare two fits": (
        "measure: {connectivity: {epochs: auto, max_epochs: 49}}", "measure.connectivity.max_epochs", "49", "greater than or equal to 50"),
    "too few epochs to compare two fits, if they were used": (
        "measure: {connectivity: {max_epochs: 49}}", "measure.connectivity.max_epochs", "49", "greater than or equal to 50"),
    "no change that is small enough": (
        "measure: {connectivity: {epochs: auto, convergence: 0}}", "measure.connectivity.convergence", "0", "greater than 0"),
    "an infinite change": (
        "measure: {connectivity: {convergence: .inf}}", "measure.connectivity.convergence", "inf", "finite"),
    "a check that is a number": ("measure: {connectivity: {check: 1}}", "measure.connectivity.check", "1", "true or false"),
    "a check of one epoch": (
        "measure: {connectivity: {epochs: 1, check: true}}", "measure.connectivity.check", "true", "false: a fit of 1 epoch has no half"),
    "a check of one update": (
        "measure: {connectivity: {updates: 1, check: true}}", "measure.connectivity.check", "true", "false: a fit of 1 update has no half"),
    "a layer without a name": ("measure: {similarity: {layer: ''}}", "measure.similarity.layer", "''", "non-empty text"),
    "no snapshots": ("measure: {snapshots: []}", "measure.snapshots", "[]", "a non-empty list"),
    "a snapshot twice": ("measure: {snapshots: [last, last]}", "measure.snapshots", "['last', 'last']", "each snapshot once"),
    "an unknown snapshot": ("measure: {snapshots: [lst]}", "measure.snapshots", "'lst'", "'best_train_loss', 'early_stopped', 'last' or 'best_test'"),
    "a snapshot without a list": ("measure: {snapshots: last}", "measure.snapshots", "'last'", "a list"),
    # The report.
    "x of the other section": ("report: {x: temperature.lr}", "report.x", "'temperature.lr'", "null, load.width, load.samples"),
    "y of the other section": ("report: {y: load.width}", "report.y", "'load.width'", "null, temperature.batch_size"),
    "an unknown custom x": (
        "model: {name: 'good:network'}\nload: {width: 2, extra: {depth: [1, 2]}}\nreport: {x: load.extra.dept}",
        "report.x", "'load.extra.dept'", "load.pixel_noise, load.extra.depth"),
    "an unknown custom y": ("report: {y: temperature.extra.rate}", "report.y", "'temperature.extra.rate'", "null, temperature.batch_size"),
    "an unknown scale": ("report: {x_scale: logarithm}", "report.x_scale", "'logarithm'", "'auto', 'log', 'linear' or 'even'"),
    "an unknown panel": ("report: {panels: [cka, foo]}", "report.panels", "'foo'", "n_epochs, or custom.<name>.<value>"),
    "a panel of a custom metric without a value": ("report: {panels: [custom.foo]}", "report.panels", "'custom.foo'", "or custom.<name>.<value>"),
    "a panel twice": ("report: {panels: [cka, norm, cka]}", "report.panels", "['cka', 'norm', 'cka']", "each name once (repeated: cka)"),
    "no panels": ("report: {panels: []}", "report.panels", "[]", "a non-empty list"),
    "a number of 401 digits": (f"temperature: {{batch_size: -1{'0' * 400}}}", "temperature.batch_size", "000 … 000", "greater than 1"),
    "variants that are a list": ("variants: [decay]", "variants", "['decay']", "a mapping"),
    "a variant that is a number": ("variants: {decay: 5}", "variants.decay", "5", "a mapping"),
}  # fmt: skip


def changed(change: str) -> str:
    """The valid parameters with whole sections replaced."""
    sections = {line.split(":")[0]: line for line in GOOD.splitlines()}
    sections |= {line.split(":")[0]: line for line in change.splitlines()}
    return "\n".join(sections.values()) + "\n"


@pytest.fixture
def project(custom_code: Own) -> Path:
    """A project folder with custom code and without `params.yaml`."""
    for module, code in OWN.items():
        custom_code.write(module, textwrap.dedent(code))
    return custom_code.project.root


def test_valid_parameters(project: Path) -> None:
    for change, cells in (("", 4), (LARGE, 4), (text(), 2), ("model: {name: 'good:network'}", 4)):
        (project / "params.yaml").write_text(changed(change))
        assert len(open_workspace(project).grid.cells) == cells


@pytest.mark.parametrize("kind", BAD)
def test_one_message_per_problem(kind: str, project: Path) -> None:
    change, path, given, allowed = BAD[kind]
    (project / "params.yaml").write_text(changed(change))
    with pytest.raises(SpecError) as caught:
        open_workspace(project)
    assert caught.value.exit_code == 2
    (problem,) = caught.value.problems
    assert problem.path == path
    assert given in problem.given
    assert allowed in problem.allowed
    line = f"{shortened(problem.path)}: got {problem.given}; allowed: {problem.allowed}"
    if not problem.allowed:
        line = f"{problem.path}: {problem.given}"
    assert len(line) < 1000
    assert str(caught.value) == f"params.yaml:\n  {line}"


# The change and the message.
BAD_CODE = {
    "a missing module": (
        "model: {name: 'nowhere:network'}",
        "nowhere:network: there is no module `nowhere`, neither in custom/ nor installed"),
    "a missing submodule": (
        "model: {name: 'good.inner:network'}",
        "good.inner:network: there is no module `good.inner`, neither in custom/ nor installed"),
    "a missing function": (
        "model: {name: 'good:netwrk'}", "good:netwrk: `good` has no function `netwrk`"),
    "a number instead of a function": (
        "model: {name: 'good:value'}", "good:value: `good` has no function `value`"),
    "an error": (
        "model: {name: 'broken:network'}",
        "broken:network: importing it failed: ZeroDivisionError: division by zero"),
    "a syntax error": (
        "model: {name: 'unparsed:network'}",
        "unparsed:network: importing it failed: SyntaxError: "),
    "a missing dependency": (
        "model: {name: 'wanting:network'}",
        "wanting:network: there is no module `not_installed_anywhere`, neither in custom/ nor installed"),
    "a module that exits": (
        "model: {name: 'leaving:network'}", "leaving:network: importing it failed: SystemExit: 0"),
    "a module that raises ModuleNotFoundError": (
        "model: {name: 'pleading:network'}",
        "pleading:network: importing it failed: ModuleNotFoundError: first install it"),
    "a dataset": (
        "dataset: {name: 'nowhere:data'}",
        "nowhere:data: there is no module `nowhere`, neither in custom/ nor installed"),
    "a task": (
        "dataset: {name: digits, task: 'good:task'}", "good:task: `good` has no function `task`"),
    "a function of a missing class": (
        "model: {name: 'good:Nothing.here'}", "good:Nothing.here: `good` has no function `Nothing."),
    "code elsewhere": (
        "model: {name: 'math:sin'}", "math:sin: `math` is not in custom/"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD_CODE)
def test_code_that_cannot_be_loaded(kind: str, project: Path) -> None:
    change, message = BAD_CODE[kind]
    (project / "params.yaml").write_text(changed(change))
    with pytest.raises(CodeError) as caught:
        open_workspace(project)
    assert caught.value.exit_code == 2
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "got no file"),
        ("load: [1, 2", "YAML"),
        ("", "a mapping of sections"),
        ("- 1\n- 2\n", "a mapping of sections"),
        ("load: {width: 1}\nload: {width: 2}\n", "duplicate key"),
        ("load: {width: 2020-13-45}", "month must be"),
        ("load: {width: !!int abc}", "invalid literal"),
        ("1: 2", "a text key"),
    ],
)
def test_unreadable_parameters(text: str | None, words: str, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(SpecError, match=words):
        open_workspace(tmp_path)


def test_bytes_that_are_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_bytes(b"load: \xff\xfe")
    with pytest.raises(SpecError, match="UTF-8"):
        open_workspace(tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            "load: {widht: 2, width: [4, -1]}",
            [
                "load.widht: got an unknown key",
                "load.width: got -1; allowed: a number greater than 0",
            ],
        ),
        (
            text(load="width: 12, label_noise: 0.1"),
            [
                "load.label_noise: got 0.1; allowed: 0 on number_words",
            ],
        ),
        (
            "model: {name: 'broken:network'}",
            ["landscape: broken:network: importing it failed: ZeroDivisionError"],
        ),
    ],
)
def test_the_command_prints_the_messages_and_exits_with_2(
    change: str, words: list[str], project: Path
) -> None:
    (project / "params.yaml").write_text(changed(change))
    (project / "dvc.yaml").write_text("stages: {}\n")
    done = subprocess.run(
        [sys.executable, "-m", "landscape_catalog", "prepare"],
        cwd=project, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    for expected in words:
        assert expected in done.stderr
    assert "Traceback" not in done.stderr
    assert not (project / "data").exists()


@pytest.mark.parametrize("n", [30, 31, 5000])
def test_a_message_lists_the_first_problems(n: int, tmp_path: Path) -> None:
    tree = yaml.safe_load((ROOT / "params.yaml").read_text())
    tree["load"]["width"] = [-i for i in range(1, n + 1)]
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(tree))
    with pytest.raises(SpecError) as caught:
        run_stages(tmp_path, tmp_path / "store", "prepare")
    assert len(caught.value.problems) == n
    lines = str(caught.value).splitlines()
    assert len(lines) == (31 if n == 30 else 32)
    assert (lines[-1] == f"  and {n - 30} more invalid values") == (n > 30)


@pytest.mark.parametrize(
    ("section", "key"),
    [
        ("dataset", "name"), ("dataset", "task"), ("dataset", "test_samples"), ("model", "name"),
        ("load", "width"), ("load", "samples"), ("train", "optimizer"), ("measure", "batch_norm"),
        ("classify", "rule"), ("report", "panels"), ("execution", "engine"), ("load", "x" * 9999),
    ],
)  # fmt: skip
def test_long_values_are_shortened(section: str, key: str, tmp_path: Path) -> None:
    tree = yaml.safe_load((ROOT / "params.yaml").read_text())
    tree[section][key] = "a" * 9999
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(tree))
    with pytest.raises(LandscapeError, match=r"a … a|x … x") as caught:
        run_stages(tmp_path, tmp_path / "store", "prepare")
    assert len(str(caught.value)) < 1500
