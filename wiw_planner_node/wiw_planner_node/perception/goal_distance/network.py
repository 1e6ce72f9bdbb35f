"""The network: where in the panorama each cell of the goal photo is, and from that how far it is.

One encoder turns the panorama's band and the goal's part into cells of 11.25 degrees. Every cell of
the goal looks for itself in the panorama (attention of several heads) and notes in which direction
and at which elevation it was found, how surely, and what is there. Directions are counted from
their weighted mean, so the panorama's heading does not matter. A small convolution over the goal's
cells turns the notes into a distance.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional

from wiw_planner_node.perception.goal_distance.likeness import BANDS, HEADINGS
from wiw_planner_node.perception.goal_distance.views import GOAL_WIDTH, HEIGHT, WIDTH

CELL = 4
ROWS, COLUMNS, GOAL_COLUMNS = HEIGHT // CELL, WIDTH // CELL, GOAL_WIDTH // CELL
BINS = 20
FARTHEST_M = 8.0
_SOFT_M = 0.5
_SPREAD = 0.5
_WAVES, _PATCH = 48, 32
_CURVE = HEADINGS + 3 * BANDS


def warped(metres: torch.Tensor) -> torch.Tensor:
    """Return distances on the scale of the bins, finer near the goal: log(1 + d / 0.5 m)."""
    return torch.log1p(metres / _SOFT_M)


def _colour_waves() -> torch.Tensor:
    """Return (W, 3) of RGB: half tell tones 0.1 apart (of 2), half 0.3; light counts less."""
    fine = torch.where(torch.arange(_WAVES) % 2 == 0, 0.1, 0.3)[:, None]
    opponent = torch.tensor([[1.0, 1.0, 1.0], [1.0, -1.0, 0.0], [0.5, 0.5, -1.0]])
    opponent = opponent / torch.tensor([[3.0 * 2.5], [1.0], [1.0]])
    return torch.randn(_WAVES, 3) / fine @ opponent


def centres() -> torch.Tensor:
    """Return (20,), the middles of the bins on that scale."""
    return torch.linspace(0.0, math.log1p(FARTHEST_M / _SOFT_M), BINS)


class GoalDistanceNetwork(nn.Module):
    """Distances of K panoramas to G goals; see the module's text.

    Parameters
    ----------
    width : int
        Channels of the encoder.
    heads, depth : int
        Heads that match, and channels of each.
    """

    wave: torch.Tensor
    phase: torch.Tensor
    elevation: torch.Tensor
    azimuth: torch.Tensor
    goal_azimuth: torch.Tensor
    goal_elevation: torch.Tensor

    def __init__(self, width: int = 64, heads: int = 2, depth: int = 32, hidden: int = 64) -> None:
        super().__init__()
        self.heads, self.depth = heads, depth
        # Random waves of colour, not trained: their dot product is how alike two cells' colours are
        # (Rahimi and Recht 2007).
        self.register_buffer("wave", _colour_waves())
        self.register_buffer("phase", torch.rand(_WAVES) * 2.0 * math.pi)
        self.patch = nn.Conv2d(4, _PATCH, CELL, stride=CELL)
        self.mix = nn.Conv2d(_WAVES + _PATCH, width, 1)
        self.near = nn.Conv2d(width, width, 3, groups=width)
        self.join = nn.Conv2d(width, width, 1)
        self.row = nn.Parameter(torch.zeros(width, ROWS, 1))
        self.match = nn.Linear(_WAVES + width, heads * depth)
        self.note = nn.Linear(width, heads * depth)
        self.sharpness = nn.Parameter(torch.full((heads,), math.log(12.0)))
        self.cell = nn.Linear(heads * (depth + 4), hidden)
        self.own = nn.Linear(width + 3, hidden)
        self.around = nn.Conv2d(hidden, hidden, 3, padding=1, stride=2)
        self.wider = nn.Conv2d(hidden, hidden, 3, padding=1)
        self.out = nn.Sequential(
            nn.Linear(2 * hidden + 2 * width + _CURVE, 2 * hidden),
            nn.ReLU(),
            nn.Linear(2 * hidden, BINS + 2),
        )
        # It begins near what colours alone say, as fitted on train scenes, and learns the rest.
        self.by_colour = nn.Parameter(torch.tensor([0.4, 2.5]))
        elevation = torch.linspace(1.0, -1.0, ROWS)[:, None].expand(ROWS, COLUMNS)
        self.register_buffer("elevation", elevation.reshape(-1), persistent=False)
        azimuth = math.pi - (torch.arange(COLUMNS) + 0.5) / COLUMNS * 2.0 * math.pi
        self.register_buffer("azimuth", azimuth.repeat(ROWS), persistent=False)
        goal = math.pi / 4 - (torch.arange(GOAL_COLUMNS) + 0.5) / GOAL_COLUMNS * math.pi / 2
        self.register_buffer("goal_azimuth", goal.repeat(ROWS), persistent=False)
        goal_elevation = torch.linspace(1.0, -1.0, ROWS)[:, None].expand(ROWS, GOAL_COLUMNS)
        self.register_buffer("goal_elevation", goal_elevation.reshape(-1), persistent=False)

    def encode(self, pictures: torch.Tensor, *, wrap: bool) -> torch.Tensor:
        """Return (N, C, rows, columns) cells of (N, 4, H, W) pictures: RGB of -1 to 1 and known.

        The first ``_WAVES`` channels say what colours a cell has; the others are trained.
        """
        waves = torch.einsum("wc,ncp->nwp", self.wave, pictures[:, :3].flatten(2))
        waves = torch.cos(waves + self.phase[:, None]) * pictures[:, 3:].flatten(2)
        colour = functional.avg_pool2d(parted(waves, 2, *pictures.shape[2:]), CELL)
        x = torch.cat([colour, functional.relu(self.patch(pictures))], dim=1)
        x = functional.relu(self.mix(x))
        x = x + functional.relu(self.join(self.near(_pad(x, (1, 1), wrap))))
        return torch.cat([colour, x + self.row], dim=1)

    def forward(
        self,
        places: torch.Tensor,
        goals: torch.Tensor,
        known: torch.Tensor,
        likeness: torch.Tensor,
    ) -> dict[str, torch.Tensor]:
        """Return :meth:`compare` of pictures.

        Parameters
        ----------
        places : (B, K, 48, 128, 3) uint8
            K panoramas' bands.
        goals, known : (B, G, 48, 32, 3) uint8, (B, G, 48, 32) bool
            G goals' parts and where they are known.
        likeness : (B, G, K, 16, 3)
            Of :mod:`.likeness`.
        """
        b, k, g = places.shape[0], places.shape[1], goals.shape[1]
        cells = parted(self.encode(as_input(places.flatten(0, 1)), wrap=True), 0, b, k)
        seen = as_input(goals.flatten(0, 1), known.flatten(0, 1))
        goal_cells = parted(self.encode(seen, wrap=False), 0, b, g)
        return self.compare(cells, goal_cells, shown(known), likeness)

    def compare(
        self,
        cells: torch.Tensor,
        goal_cells: torch.Tensor,
        known: torch.Tensor,
        likeness: torch.Tensor,
    ) -> dict[str, torch.Tensor]:
        """Return what is said of every goal with every place; outputs are (B, G, K, ...).

        Parameters
        ----------
        cells : (B, K, C, 12, 32)
            Of :meth:`encode`: K places.
        goal_cells : (B, G, C, 12, 8)
            G goals of the same apartment.
        known : (B, G, 96)
            Share of each goal cell that the photo shows, of :func:`shown`.
        likeness : (B, G, K, 16, 3)
            Of :mod:`.likeness`.

        Returns
        -------
        dict
            ``logits`` (.., bins); ``expected`` (..,), the expected distance on the scale of the
            bins; ``heading`` (.., 2), cosine and sine of the goal camera's direction in the
            panorama, and ``position`` (.., 2) metres to the goal ahead and to the left of it;
            ``attention`` (.., 96, 384), where the first head looked for each of the goal's cells.
        """
        tokens = cells.flatten(3).transpose(2, 3)  # (B, K, 384, C)
        goals = goal_cells.flatten(3).transpose(2, 3)  # (B, G, 96, C)
        found, attention = self._look_up(tokens, goals)  # (B, G, K, 96, heads, depth + 4)
        tokens, goals = tokens[..., _WAVES:], goals[..., _WAVES:]
        notes, where = found[..., : self.depth], found[..., self.depth :]
        strength = where[..., 3]

        # Each direction less the cell's own is the goal camera's heading, were this the place.
        c, s = self.goal_azimuth.cos()[:, None], self.goal_azimuth.sin()[:, None]
        ahead = where[..., 0] * c + where[..., 1] * s
        left = where[..., 1] * c - where[..., 0] * s
        shown = known[:, :, None, :, None]
        weight = shown * torch.sigmoid(20.0 * (strength - 0.6))
        mean = torch.stack([(ahead * weight).sum((3, 4)), (left * weight).sum((3, 4))], dim=-1)
        heading = mean / (mean.norm(dim=-1, keepdim=True) + 1e-3)
        c, s = heading[..., None, None, 0], heading[..., None, None, 1]
        turned = torch.stack([ahead * c + left * s, left * c - ahead * s], dim=-1)

        per_cell = torch.cat([notes, turned, where[..., 2:]], dim=-1).flatten(4)
        places = tokens.shape[1]
        own = torch.stack([self.goal_azimuth, self.goal_elevation], dim=-1)
        own = own.expand(*known.shape, 2)
        own = self.own(torch.cat([goals, own, known[..., None]], dim=-1))
        x = functional.relu(self.cell(per_cell) + own[:, :, None]) * shown
        x = parted(x.flatten(0, 2).transpose(1, 2), 2, ROWS, GOAL_COLUMNS)
        x = functional.relu(self.around(x))
        x = x + functional.relu(self.wider(x))
        pair = torch.cat([x.mean((2, 3)), x.amax((2, 3))], dim=-1)
        pair = parted(pair, 0, known.shape[0], known.shape[1], places)
        overall = [
            tokens.mean(2)[:, None].expand(-1, known.shape[1], -1, -1),
            goals.mean(2)[:, :, None].expand(-1, -1, places, -1),
        ]
        out = self.out(torch.cat([pair, *overall, _curve(likeness)], dim=-1))
        said = self.by_colour[0] + self.by_colour[1] * unlikeness(likeness)[..., None]
        bins = centres().to(out)
        logits = out[..., :BINS] - 0.5 * ((bins - said) / _SPREAD) ** 2
        position = out[..., BINS:]
        expected = (torch.softmax(logits, dim=-1) * bins).sum(-1)
        return {
            "logits": logits,
            "expected": expected,
            "heading": heading,
            "position": position,
            "attention": attention,
        }

    def _look_up(
        self, tokens: torch.Tensor, goals: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what each goal cell finds, and where the first head looked.

        Found are notes, cosine and sine, elevation, likeness.
        """
        heads = (self.heads, self.depth)
        key = functional.normalize(parted(self.match(tokens), 3, *heads), dim=-1)
        query = functional.normalize(parted(self.match(goals), 3, *heads), dim=-1)
        b, k, n = tokens.shape[:3]
        g, m = goals.shape[1:3]
        direction = torch.stack([self.azimuth.cos(), self.azimuth.sin(), self.elevation], dim=-1)
        values = [
            parted(self.note(tokens[..., _WAVES:]), 3, *heads),
            direction[:, None].expand(b, k, n, self.heads, 3),
            key,
        ]
        value = torch.cat(values, dim=-1).permute(0, 1, 3, 2, 4).flatten(0, 2)
        keys = key.permute(0, 1, 3, 4, 2).flatten(0, 2)  # (B K heads, depth, N)
        asked = (query * self.sharpness.exp()[:, None]).permute(0, 3, 1, 2, 4).flatten(2, 3)
        asked = asked[:, None].expand(b, k, self.heads, g * m, self.depth).flatten(0, 2)
        attention = torch.softmax(torch.bmm(asked, keys), dim=-1)
        read = attention @ value
        looked = parted(parted(attention, 0, b, k, self.heads), 3, g, m)[:, :, 0].transpose(1, 2)
        read = parted(parted(read, 0, b, k, self.heads), 3, g, m)
        read = read.permute(0, 3, 1, 4, 2, 5)  # (B, G, K, M, heads, ...)
        alike = (read[..., -self.depth :] * query[:, :, None]).sum(-1, keepdim=True)
        return torch.cat([read[..., : -self.depth], alike], dim=-1), looked


def unlikeness(likeness: torch.Tensor) -> torch.Tensor:
    """Return (..), 0 to 1, of (.., 16, 3): half of the nearest heading, half of their mean."""
    unlike = 1.0 - likeness.mean(-1)
    return torch.as_tensor(0.5 * (unlike.amin(-1) + unlike.mean(-1)))


def _curve(likeness: torch.Tensor) -> torch.Tensor:
    """Return (.., 25) of (.., 16, 3) likenesses: the same for a place seen at any heading."""
    alike = torch.sqrt((1.0 - likeness).clamp(min=0.0) + 1e-4)
    ordered = alike.mean(-1).sort(dim=-1).values
    return torch.cat([ordered, alike.amin(-2), alike.amax(-2), alike.mean(-2)], dim=-1)


def parted(x: torch.Tensor, axis: int, *sizes: int) -> torch.Tensor:
    """Return the tensor with one axis made into several."""
    return x.reshape(*x.shape[:axis], *sizes, *x.shape[axis + 1 :])


def as_input(rgb: torch.Tensor, known: torch.Tensor | None = None) -> torch.Tensor:
    """Return (N, 4, H, W) float of (N, H, W, 3) uint8 and where it is known (N, H, W)."""
    colours = rgb.permute(0, 3, 1, 2).float() / 127.5 - 1.0
    mask = torch.ones_like(colours[:, :1]) if known is None else known[:, None].float()
    return torch.cat([colours * mask, mask], dim=1)


def shown(known: torch.Tensor) -> torch.Tensor:
    """Return (.., 96), the share of each goal cell that the photo (.., 48, 32) shows."""
    return functional.avg_pool2d(known.float(), CELL).flatten(-2)


def metres(expected: torch.Tensor) -> torch.Tensor:
    """Return metres of ``expected``: the inverse of :func:`warped`."""
    return _SOFT_M * torch.expm1(expected)


def _pad(x: torch.Tensor, by: tuple[int, int], wrap: bool) -> torch.Tensor:
    left, right = by
    x = functional.pad(x, (0, 0, left, right), mode="replicate")
    return functional.pad(x, (left, right, 0, 0), mode="circular" if wrap else "replicate")
