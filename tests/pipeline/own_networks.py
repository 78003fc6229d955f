"""Networks of ordinary make, and whether they can be used; `docs/own.md` shows the table.

Each is the body of `network(width, input_shape, n_outputs)` for images of 1 x 8 x 8, with `width`
4. A member that is refused has the part of the message that names the cause.
"""

from __future__ import annotations

from dataclasses import dataclass

HEAD = """\
import random
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations


class Module(nn.Module):
    '''A network with an inner layer and a head; members change its parts.'''

    def __init__(self, n_outputs, *inner, features=16):
        super().__init__()
        self.inner = nn.Sequential(*(inner or (nn.Flatten(), nn.Linear(64, features), nn.Tanh())))
        self.head = nn.Linear(features, n_outputs)
        self.begin()

    def begin(self):
        pass

    def between(self, x):
        return x

    def forward(self, x):
        return self.head(self.between(self.inner(x)))


"""


@dataclass(frozen=True)
class Own:
    """A network.

    Attributes:
        what: in words, for the table.
        code: of `network`, or of a class `Net` that is built as Net(n_outputs).
        refused: part of the message; "" if it works.
        why: why it is refused and what to do instead, or a remark.
    """

    what: str
    code: str
    refused: str = ""
    why: str = ""

    @property
    def source(self) -> str:
        """The module."""
        if "def network(" in self.code:
            return HEAD + self.code
        return (
            f"{HEAD}{self.code}\n\ndef network(width, input_shape, n_outputs):\n"
            "    return Net(n_outputs)\n"
        )


def _layers(layers: str) -> str:
    """A network of layers on the image, of which the last returns (n, 16)."""
    return f"""\
def network(width, input_shape, n_outputs):
    return nn.Sequential({layers}, nn.Linear(16, n_outputs))
"""


def _norm(norm: str) -> str:
    return _layers(f"nn.Conv2d(1, 4, 3), {norm}, nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten()")


def _between(body: str, begin: str = "pass") -> str:
    return f"""\
class Net(Module):
    def begin(self):
        {begin}
    def between(self, x):
        {body}
"""


ATTENTION = """\
from contextlib import nullcontext
from torch.nn.attention import SDPBackend, sdpa_kernel

class Net(nn.Module):
    def __init__(self, n_outputs):
        super().__init__()
        self.patch = nn.Conv2d(1, 8, 2, stride=2)
        self.qkv, self.norm, self.head = nn.Linear(8, 24), nn.LayerNorm(8), nn.Linear(8, n_outputs)
    def forward(self, x):
        t = self.norm(self.patch(x).flatten(2).transpose(1, 2))
        q, k, v = (part.unflatten(2, (2, 4)).transpose(1, 2) for part in self.qkv(t).chunk(3, 2))
        with {}:
            a = F.scaled_dot_product_attention(q, k, v)
        return self.head((t + a.transpose(1, 2).flatten(2)).mean(1))
"""
ENCODER = """\
class Net(nn.Module):
    def __init__(self, n_outputs):
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.head = nn.Linear(8, n_outputs)
    def forward(self, x):
        return self.head(self.layer(x.squeeze(1)).mean(1))
"""
RECURRENT = """\
class Net(nn.Module):
    def __init__(self, n_outputs):
        super().__init__()
        self.cell, self.head = nn.{}(8, 12, batch_first=True), nn.Linear(12, n_outputs)
    def forward(self, x):
        return self.head(self.cell(x.squeeze(1))[0][:, -1])
"""
ONCE = """

class Once(torch.autograd.Function):
    @staticmethod
    def forward(context, x):
        return x.clone()
    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(context, slope):
        return slope

"""
SPLIT = "Make it a parameter or a persistent buffer with the same value for every seed"
MOVING = (
    "neither trained nor fixed; only batch norm's statistics are recomputed. Allowed with "
    "`train.seeds: 1`"
)

MEMBERS = (
    Own(
        "LSTM",
        RECURRENT.format("LSTM"),
        why="on CUDA within `torch.backends.cudnn.flags(enabled=False)`",
    ),
    Own("GRU", RECURRENT.format("GRU")),
    Own("ViT with math attention", ATTENTION.format("sdpa_kernel(SDPBackend.MATH)")),
    Own(
        "ViT with fused attention",
        ATTENTION.format("nullcontext()"),
        "use math attention",
        "no second derivative: use `sdpa_kernel(SDPBackend.MATH)`",
    ),
    Own(
        "`nn.TransformerEncoderLayer`",
        ENCODER,
        "use math attention",
        "as above: put the call within `sdpa_kernel(SDPBackend.MATH)`",
    ),
    Own("batch norm", _norm("nn.BatchNorm2d(4)")),
    Own(
        "batch norm with cumulative statistics (momentum=None)",
        _norm("nn.BatchNorm2d(4, momentum=None)"),
    ),
    Own(
        "batch norm without running statistics",
        _norm("nn.BatchNorm2d(4, track_running_stats=False)"),
        "keeps no running statistics",
        "a sample's answer depends on its neighbours",
    ),
    Own("group norm", _norm("nn.GroupNorm(2, 4)")),
    Own("layer norm", _norm("nn.LayerNorm([4, 6, 6])")),
    Own("RMS norm", _norm("nn.RMSNorm([4, 6, 6])")),
    Own("instance norm", _norm("nn.InstanceNorm2d(4, affine=True)")),
    Own(
        "instance norm with running statistics",
        _norm("nn.InstanceNorm2d(4, track_running_stats=True)"),
        "(running statistics of instance norm) change with every pass",
        MOVING,
    ),
    Own(
        "running means of one's own in buffers",
        _between(
            "if self.training: self.mean.mul_(0.9).add_(x.detach().mean(0), alpha=0.1)\n"
            "        return x - self.mean",
            "self.register_buffer('mean', torch.zeros(16))",
        ),
        "`mean` (buffers) change with every pass",
        MOVING,
    ),
    Own(
        "weight norm (parametrization)",
        _layers("nn.Flatten(), parametrizations.weight_norm(nn.Linear(64, 16)), nn.ReLU()"),
    ),
    Own(
        "weight norm (hooks, deprecated)",
        _layers("nn.Flatten(), nn.utils.weight_norm(nn.Linear(64, 16)), nn.ReLU()"),
    ),
    Own(
        "spectral norm (parametrization)",
        _layers("nn.Flatten(), parametrizations.spectral_norm(nn.Linear(64, 16)), nn.ReLU()"),
        "(the vectors of spectral norm) change with every pass",
        MOVING,
    ),
    Own(
        "spectral norm (hooks, deprecated)",
        _layers("nn.Flatten(), nn.utils.spectral_norm(nn.Linear(64, 16)), nn.ReLU()"),
        "(the vectors of spectral norm) change with every pass",
        MOVING,
    ),
    Own(
        "orthogonal weights, trivialised (parametrization)",
        _layers("nn.Flatten(), parametrizations.orthogonal(nn.Linear(64, 16)), nn.ReLU()"),
        "base is a buffer and differs between two runs",
        "its base is drawn at random: pass `use_trivialization=False`",
    ),
    Own(
        "orthogonal weights, not trivialised",
        _layers(
            "nn.Flatten(), parametrizations.orthogonal(nn.Linear(64, 16), use_trivialization=False),"
            " nn.ReLU()"
        ),
    ),
    Own(
        "tied weights",
        _between(
            "return torch.tanh(self.other(x))",
            "self.other = nn.Linear(16, 16); self.third = nn.Linear(16, 16); self.third.weight = self.other.weight",
        ).replace("self.other(x))", "self.third(self.other(x)))"),
    ),
    Own(
        "two parameters that share memory",
        _between(
            "return torch.tanh(self.third(self.other(x)))",
            "self.other = nn.Linear(16, 16); self.third = nn.Linear(16, 16); "
            "self.third.weight.data = self.other.weight.data",
        ),
        "share memory without being one parameter",
        "assign the same `nn.Parameter` to both",
    ),
    Own(
        "parameters without dimensions",
        _between("return self.scale * x", "self.scale = nn.Parameter(torch.tensor(1.0))"),
    ),
    Own(
        "float64",
        _layers("nn.Flatten(), nn.Linear(64, 16), nn.Tanh()").replace(
            "n_outputs))", "n_outputs)).double()"
        ),
    ),
    Own(
        "bfloat16, float16",
        _layers("nn.Flatten(), nn.Linear(64, 16), nn.Tanh()").replace(
            "n_outputs))", "n_outputs)).bfloat16()"
        ),
        "its parameter `1.weight` is of type torch.bfloat16",
        "too coarse for second derivatives: convert with `.float()`",
    ),
    Own(
        "float16",
        _layers("nn.Flatten(), nn.Linear(64, 16), nn.Tanh()").replace(
            "n_outputs))", "n_outputs)).half()"
        ),
        "its parameter `1.weight` is of type torch.float16",
        "as above",
    ),
    Own(
        "float32 and float64 mixed",
        _between(
            "return self.other(x.double()).to(x.dtype)", "self.other = nn.Linear(16, 16).double()"
        ),
        "all must be of one type",
        "all trained weights form one vector",
    ),
    Own(
        "complex parameters",
        _between(
            "return (x * self.phase).abs()",
            "self.phase = nn.Parameter(torch.ones(16, dtype=torch.complex64))",
        ),
        "hold real and imaginary part",
        "use real parameters and `torch.view_as_complex`",
    ),
    Own("complex values within (FFT)", _between("return torch.fft.fft(x).abs()")),
    Own(
        "channels last",
        _norm("nn.BatchNorm2d(4)").replace(
            "n_outputs))", "n_outputs)).to(memory_format=torch.channels_last)"
        ),
    ),
    Own("dropout", _between("return self.dropout(x)", "self.dropout = nn.Dropout(0.2)")),
    Own(
        "dropout that stays on in eval mode",
        _between("return F.dropout(x, 0.2)"),
        "in eval mode its outputs differ from call to call",
        "pass `training=self.training`",
    ),
    Own(
        "stochastic depth drawn with `random` or NumPy",
        _between(
            "return x if self.training and random.random() < 0.3 else x + self.other(x)",
            "self.other = nn.Linear(16, 16)",
        ),
    ),
    Own(
        "noise of NumPy in eval mode",
        _between("return x + torch.from_numpy(np.random.normal(size=16)).float()"),
        "in eval mode its outputs differ from call to call",
        "random in eval mode",
    ),
    Own(
        "hidden state kept between calls",
        _between(
            "self.kept = 0.5 * self.kept + x.detach().mean(0)\n        return x + self.kept",
            "self.kept = torch.zeros(16)",
        ),
        "other outputs than the trained one",
        "not in the `state_dict`",
    ),
    Own(
        "gradient checkpointing",
        _between(
            "return torch.utils.checkpoint.checkpoint(self.other, x, use_reentrant=False)",
            "import torch.utils.checkpoint; self.other = nn.Linear(16, 16)",
        ),
    ),
    Own(
        "autocast to bfloat16 within `forward`",
        _between(
            "with torch.autocast('cpu', torch.bfloat16): y = self.other(x)\n"
            "        return y.float()",
            "self.other = nn.Linear(16, 16)",
        ),
    ),
    Own(
        "sparse gradients",
        _between(
            "return x + self.other((x > 0).long()).mean(1)",
            "self.other = nn.Embedding(2, 16, sparse=True)",
        ),
        "does not support sparse gradients",
        "set `sparse=False`",
    ),
    Own(
        "embedding, mixture of experts",
        _between(
            "gate = self.gate(x + self.other((x > 0).long()).mean(1)).softmax(1)\n"
            "        found = torch.stack([expert(x) for expert in self.experts], 1)\n"
            "        best = gate.argmax(1)\n"
            "        return x + found[torch.arange(len(x)), best] * gate.gather(1, best[:, None])",
            "self.gate, self.other = nn.Linear(16, 3), nn.Embedding(2, 16); "
            "self.experts = nn.ModuleList(nn.Linear(16, 16) for _ in range(3))",
        ),
    ),
    Own(
        "`torch.jit.script`",
        _layers("nn.Flatten(), nn.Linear(64, 16), nn.ReLU()")
        .replace("return nn.Sequential(", "return torch.jit.script(nn.Sequential(")
        .replace("n_outputs))", "n_outputs)))"),
    ),
    Own(
        "initial weights from NumPy",
        _between(
            "return x * self.scale",
            "self.scale = nn.Parameter(torch.from_numpy(np.random.normal(size=16)).float())",
        ),
    ),
    Own(
        "lazy modules",
        _layers("nn.Flatten(), nn.LazyLinear(16), nn.ReLU()"),
        "with lazy parameters",
        "sizes must be known when the network is built",
    ),
    Own(
        "hidden state that depends on the batch's size",
        _between(
            "x = x + (0 if self.kept is None else self.kept); self.kept = x.detach()\n"
            "        return x",
            "self.kept = None",
        ),
        "its trial (train, store, rebuild, measure) failed: RuntimeError: The size of tensor",
        "begin each call with a fresh state",
    ),
    Own(
        "parameters created by the first forward pass",
        _between(
            "if not hasattr(self, 'scale'): self.scale = nn.Parameter(torch.ones(16))\n"
            "        return x * self.scale"
        ),
        "loading its stored weights into a new network failed",
        "create them when the network is built",
    ),
    Own(
        "non-persistent buffers, same for every seed",
        _between(
            "return x + self.wave",
            "self.register_buffer('wave', torch.arange(16.0).sin(), persistent=False)",
        ),
    ),
    Own(
        "non-persistent buffers drawn at random",
        _between(
            "return x * self.features",
            "self.register_buffer('features', torch.randn(16), persistent=False)",
        ),
        "`features` (a buffer with persistent=False)",
        SPLIT,
    ),
    Own(
        "plain tensors drawn at random",
        _between("return x * self.features", "self.features = torch.randn(16)"),
        "`features` (a plain attribute)",
        SPLIT,
    ),
    Own(
        "random features in a persistent buffer",
        _between("return x * self.features", "self.register_buffer('features', torch.randn(16))"),
        "features is a buffer and differs between two runs",
        "draw them with a generator of a fixed seed; allowed with `train.seeds: 1`",
    ),
    Own(
        "frozen layers drawn at random",
        _between("return self.other(x)", "self.other = nn.Linear(16, 16).requires_grad_(False)"),
        "other.weight is a frozen parameter and differs between two runs",
        "as above",
    ),
    Own(
        "counters in an attribute",
        _between(
            "self.steps += self.training\n        return x * 0.9 ** self.steps",
            "self.steps = 0",
        ),
        "`steps` (a plain attribute)",
        "not in the `state_dict`",
    ),
    Own(
        "counters in a buffer",
        _between(
            "self.steps += int(self.training)\n        return x * 0.9 ** self.steps",
            "self.register_buffer('steps', torch.tensor(0))",
        ),
        "`steps` (counters) change with every pass",
        MOVING,
    ),
    Own(
        "counters of float type in a buffer",
        _between(
            "self.steps += float(self.training)\n        return x * 0.9 ** self.steps",
            "self.register_buffer('steps', torch.zeros(1))",
        ),
        "must not depend on how many passes it has made: leave them out, or register",
        "as above",
    ),
    Own(
        "counters that nothing is computed from",
        _between(
            "self.steps += int(self.training)\n        return x",
            "self.register_buffer('steps', torch.tensor(0), persistent=False)",
        ),
        why="in a buffer with `persistent=False`",
    ),
    Own(
        "modules in a Python list",
        _between("return self.others[0](x)", "self.others = [nn.Linear(16, 16)]"),
        "It has `others` (a plain list of modules, which torch neither trains nor stores: use "
        "torch.nn.ModuleList)",
        "neither trained nor stored: use `nn.ModuleList`",
    ),
    Own(
        "modules in a Python dict within a layer",
        _between(
            "return self.layer.others['a'][0](x)",
            "self.layer = nn.Identity(); self.layer.others = {'a': (nn.Linear(16, 16),)}",
        ),
        "It has `layer.others` (a plain dict of modules, which torch neither trains nor stores: use "
        "torch.nn.ModuleDict)",
        "use `nn.ModuleDict`",
    ),
    Own(
        "parameters in a Python list",
        _between("return x * self.scales[0]", "self.scales = [nn.Parameter(torch.rand(16))]"),
        "It has `scales` (a plain list of parameters, which torch neither trains nor stores: use "
        "torch.nn.ParameterList)",
        "use `nn.ParameterList`",
    ),
    Own(
        "nothing but modules in a Python list",
        """\
class Net(nn.Module):
    def __init__(self, n_outputs):
        super().__init__()
        self.layers = [nn.Flatten(), nn.Linear(64, n_outputs)]
    def forward(self, x):
        return self.layers[1](self.layers[0](x))
""",
        "it returned a Net without any; it has `layers` (a plain list of modules",
        "use `nn.ModuleList`",
    ),
    Own(
        "modules in a Python list that have names as well",
        _between(
            "return self.others[0](x)",
            "self.other = nn.Linear(16, 16); self.others = [self.other]",
        ),
    ),
    Own(
        "data-dependent initialisation, flag in an attribute",
        _between(
            "if self.training and not self.ready:\n"
            "            self.scale.data = 1 / x.detach().std(0)\n"
            "            self.ready = True\n"
            "        return x * self.scale",
            "self.scale = nn.Parameter(torch.ones(16)); self.ready = False",
        ),
        "a forward pass in train mode changes its parameters `scale`",
        "keep the flag in a buffer",
    ),
    Own(
        "data-dependent initialisation, flag in a buffer",
        _between(
            "if self.training and not self.ready:\n"
            "            self.scale.data = 1 / x.detach().std(0)\n"
            "            self.ready.fill_(True)\n"
            "        return x * self.scale",
            "self.scale = nn.Parameter(torch.ones(16)); self.register_buffer('ready', torch.tensor(False))",
        ),
    ),
    Own(
        "extra state (`get_extra_state`)",
        _between("return x").replace(
            "    def between",
            "    def get_extra_state(self): return {'a': 1}\n    def set_extra_state(self, state): pass\n    def between",
        ),
        "of its state_dict is of type dict",
        "keep it in buffers",
    ),
    Own(
        "hooks or lambdas that hold the network",
        _between(
            "return self.scaled(x)",
            "self.scale = nn.Parameter(torch.ones(16)); self.scaled = lambda x: x * self.scale",
        ),
        "holds a reference to the original",
        "refer to weights through `self` or the hook's own argument",
    ),
    Own(
        "values cached from the weights",
        _between(
            "if self.training: self.kept = None\n"
            "        elif self.kept is None: self.kept = self.scale.detach().exp()\n"
            "        return x * (self.scale.exp() if self.kept is None else self.kept)",
            "self.scale, self.kept = nn.Parameter(torch.ones(16)), None\n"
            "        nn.init.normal_(self.scale)",
        ),
        "it keeps what was computed from earlier weights",
        "metrics give one network many weights",
    ),
    Own(
        "attributes that cannot be copied",
        _between("return x", "import threading; self.lock = threading.Lock()"),
        "copying it (copy.deepcopy) failed",
        "metrics change the weights of copies",
    ),
    Own(
        "functions marked `@once_differentiable`",
        ONCE + _between("return Once.apply(x)"),
        "no second derivative",
        "no second derivative",
    ),
    Own(
        "parameters without effect",
        _between("return x", "self.idle = nn.Linear(2, 2)"),
        "its loss does not depend on `idle.weight`, `idle.bias`",
        "remove them, or set `requires_grad=False`",
    ),
    Own(
        "a mean over the batch",
        _between("return x - x.mean(0)"),
        "must not depend on the other samples",
        "a sample's answer depends on its neighbours",
    ),
)


def table() -> str:
    """The table of `docs/own.md`."""
    lines = ["| network | outcome | remark |", "|---|---|---|"]
    lines += [f"| {o.what} | {'refused' if o.refused else 'works'} | {o.why} |" for o in MEMBERS]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(table(), end="")
