"""Each family is trained on the inputs that its own sampling gives it, and keeps its names."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
import video_lessons as lessons
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from safetensors.torch import save_file

from wiw_core.errors import ErrorCode, WiwError
from wiw_learn.recipes import make_recipe
from wiw_learn.training.loader import tensors
from wiw_learn.training.steps import make_network
from wiw_wm_node.video.loading import load
from wiw_wm_node.video.svd_action import SvdAction
from wiw_wm_node.video.training import haar
from wiw_wm_node.video.training.clips import arrays
from wiw_wm_node.video.training.families.base import Noised
from wiw_wm_node.video.training.lora import without_lora
from wiw_wm_node.video.training.network import lesson_of
from wiw_wm_node.video.training.teachers import make_teacher

ROWS = {
    "wan21": ("wan_lora", {"frames": 5, "height": 32, "width": 64}),
    "wan22_5b": ("wan_lora", {"frames": 5, "height": 32, "width": 64}),
    "wan22_a14b": ("wan_lora", {"frames": 5, "height": 32, "width": 64, "expert": "high"}),
    "ltx": ("ltx_lora", {"frames": 9, "height": 32, "width": 64}),
    "cosmos25": ("cosmos_lora", {"frames": 5, "height": 32, "width": 64}),
    "svd": ("svd_action", {"frames": 4, "height": 16, "width": 128, "hidden": 16}),
}
LORA = [name for name in ROWS if name != "svd"]


def recipe_of(row: str, /, **options):
    name, own = ROWS[row]
    return make_recipe(
        name, **{"model": row, "weights": "tiny", "checkpointing": False, **own, **options}
    )


@pytest.fixture(scope="module")
def batch_of(tmp_path_factory):
    """Return the batch of a straight and a winding clip that fits a recipe."""

    def make(recipe):
        at, folder = recipe.options, tmp_path_factory.mktemp("walks")
        data = lessons.colour_walks(folder, (1, 2, 9), at.frames - 1, (at.height, at.width))
        clips = recipe.samples(data, held_out=False).clips
        return tensors([arrays(clips[0]), arrays(clips[1])])

    return make


class Seen(Exception):
    """The denoiser was called."""


def first_call(denoiser, ask) -> dict:
    """Return what a denoiser is first called with; ``ask`` is not gone on with."""
    told = {}

    def look(module, args, kwargs):
        names = ("hidden_states", "timestep")
        told.update(dict(zip(names, args)) | kwargs)
        raise Seen

    handle = denoiser.register_forward_pre_hook(look, with_kwargs=True)
    try:
        with pytest.raises(Seen), torch.no_grad():
            ask()
    finally:
        handle.remove()
    return told


def equal(name: str, ours, theirs) -> None:
    if isinstance(theirs, torch.Tensor):
        ours, theirs = torch.broadcast_tensors(torch.as_tensor(ours).float(), theirs.float())
        assert torch.allclose(ours, theirs, rtol=1e-4, atol=1e-4), name
    else:
        assert ours == theirs, name


@pytest.mark.parametrize("model", LORA)
def test_training_gives_the_denoiser_what_sampling_gives_it(model, batch_of, monkeypatch):
    if model == "ltx":  # both draw the given frame's latents: here both take the likeliest
        monkeypatch.setattr(
            DiagonalGaussianDistribution, "sample", lambda found, generator=None: found.mode()
        )
    recipe = recipe_of(model, rank=2)
    network = make_network(recipe, 0)
    family = network.family
    lesson = lesson_of({name: value[:1] for name, value in batch_of(recipe).items()})
    adapter = recipe._family
    asked = lessons.asked_for(adapter, lesson, steps=3, compress=True)
    sampled = first_call(network.denoiser, lambda: adapter.generate(family.pipe, asked))
    with torch.no_grad():
        encoded = family.encode(lesson)
    # Its noise and its level, so that all else must be equal.
    shown = sampled["hidden_states"].float()
    if model == "ltx":
        shape = encoded.clean.shape[2:]
        shown = family.pipe._unpack_latents(shown, *shape, 1, 1)
    noisy = shown[:, : encoded.clean.shape[1]]
    level = sampled["timestep"].float().max().reshape(1)
    level = level if model == "cosmos25" else level / 1000.0
    noised = Noised(level, noisy, noisy)
    trained = first_call(
        network.denoiser, lambda: family.forward(network.denoiser, encoded, noised)
    )
    ignored = {"return_dict", "attention_kwargs"}
    assert trained.keys() - ignored == sampled.keys() - ignored
    for name in trained.keys() - ignored:
        equal(name, trained[name], sampled[name])


def test_svd_is_trained_on_what_its_sampling_gives_it(batch_of):
    recipe = recipe_of("svd", dropout=0.0)
    network = make_network(recipe, 0)
    family = network.family
    lesson = lesson_of({name: value[:1] for name, value in batch_of(recipe).items()})
    adapter = SvdAction()
    family.pipe.action_embedding = network.extras["action_embedding"]
    asked = lessons.asked_for(adapter, lesson, steps=3, noise_aug=0.0, fps=7.0, view="panorama")
    sampled = first_call(network.denoiser, lambda: adapter.generate(family.pipe, asked))
    with torch.no_grad():
        encoded = family.encode(lesson)
    clear = family._latents(lesson.frames[:, 0])
    encoded.given["shown"].copy_(clear)
    encoded.given["told"][:, 2] = 0.0
    sigma = (4.0 * sampled["timestep"].float()).exp().reshape(1)
    told = sampled["hidden_states"].float()[:, :, :4].transpose(1, 2)
    noisy = told * (sigma.square() + 1.0).sqrt()
    trained = first_call(
        network.denoiser,
        lambda: family.forward(network.denoiser, encoded, Noised(sigma, noisy, noisy)),
    )
    for name in ("hidden_states", "timestep", "encoder_hidden_states", "added_time_ids"):
        equal(name, trained[name], sampled[name])


@pytest.mark.parametrize("model", list(ROWS))
def test_only_what_is_trained_asks_for_gradients_and_is_in_the_state(model, batch_of):
    recipe = recipe_of(model)
    network = make_network(recipe, 0).train()
    assert not any(part.training for part in network.frozen.modules())
    torch.manual_seed(0)
    losses = recipe.losses(network, batch_of(recipe))
    losses["loss"].backward()
    state = network.state_dict()
    grads = {name for name, p in network._learnt.items() if p.grad is not None}
    assert losses["loss"].isfinite() and grads == state.keys()
    whole = sum(p.numel() for p in network.parameters())
    if model == "svd":
        assert {name.split(".")[0] for name in state} == {"unet", "action_embedding"}
    else:
        assert all(name.startswith("transformer.") and "lora_" in name for name in state)
        assert sum(value.numel() for value in state.values()) < 0.5 * whole
    other = make_network(recipe, 1)
    with torch.no_grad():
        for value in state.values():
            value.add_(1.0)
    other.load_state_dict(state)
    assert all(torch.equal(other.state_dict()[name], value) for name, value in state.items())
    with pytest.raises(RuntimeError):
        other.load_state_dict({**state, "more": torch.zeros(1)})


def taught(model: str, folder, batch_of, **options):
    """A network whose LoRA does something, the file of it, and what it is asked."""
    recipe = recipe_of(model, rank=2, **options)
    network = make_network(recipe, 0)
    with torch.no_grad():
        for value in network.state_dict().values():
            value.add_(0.3 * torch.randn(value.shape, generator=torch.Generator().manual_seed(1)))
        lesson = lesson_of(batch_of(recipe))
        encoded = network.family.encode(lesson)
        noised = network.family.noise(encoded, lesson)
    file = folder / f"{options.get('expert', 'mine')}.safetensors"
    save_file(network.state_dict(), file)
    return recipe, network, str(file), (encoded, noised)


@pytest.mark.parametrize("model", LORA)
def test_a_model_with_the_lora_says_what_the_trained_network_says(model, batch_of, tmp_path):
    if model == "wan22_a14b":
        experts = [taught(model, tmp_path, batch_of, expert=name) for name in ("high", "low")]
    else:
        experts = [taught(model, tmp_path, batch_of)]
    recipe = experts[0][0]
    settings = replace(recipe._settings, lora=",".join(file for _, _, file, _ in experts))
    pipe = load(recipe._family, settings).pipe
    for _, network, _, asked in experts:
        family = network.family
        with torch.no_grad():
            said = family.forward(getattr(pipe, family.part), *asked)
            ours = family.forward(network.denoiser, *asked)
            with without_lora(network.denoiser):
                before = family.forward(network.denoiser, *asked)
        assert torch.allclose(said, ours, rtol=1e-3, atol=1e-4)
        assert not torch.allclose(said, before, rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize("model", ["ltx", "svd"])
def test_computing_inner_results_again_changes_no_gradient(model, batch_of):
    gradients = []
    for again in (False, True):
        recipe = recipe_of(model, checkpointing=again)
        network = make_network(recipe, 0).train()
        if model == "svd":  # as it is zero at first, no gradient would go further
            torch.nn.init.normal_(network.extras["action_embedding"].linear_2.weight, std=0.1)
        batch = batch_of(recipe)
        torch.manual_seed(1)
        recipe.losses(network, batch)["loss"].backward()
        gradients.append({n: p.grad for n, p in network._learnt.items() if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        assert torch.allclose(gradient, gradients[1][name], rtol=1e-3, atol=1e-5), name
    assert max(g.abs().max() for g in gradients[0].values()) > 0


def test_an_untrained_svd_does_not_change_with_the_actions_and_a_trained_one_does(batch_of):
    recipe = recipe_of("svd", dropout=0.0)
    network = make_network(recipe, 0)
    batch = batch_of(recipe)
    swapped = {**batch, "control": batch["control"].flip(0)}

    def errors(given):
        torch.manual_seed(3)
        with torch.no_grad():
            return network(given)["error"]

    assert torch.equal(errors(batch), errors(swapped))
    torch.nn.init.normal_(network.extras["action_embedding"].linear_2.weight, std=0.5)
    assert not torch.equal(errors(batch), errors(swapped))


def test_the_noise_of_a_turn_is_that_of_the_frame_before_rolled(batch_of):
    recipe = recipe_of("svd")
    family = make_network(recipe, 0).family
    lesson = lesson_of(batch_of(recipe))
    with torch.no_grad():
        encoded = family.encode(lesson)
    noise = family.noise(encoded, lesson).noise
    assert lesson.turns.tolist() == [[0, 0, 0, 0], [0, 1, -1, 1]]
    straight, winding = noise
    assert not torch.equal(straight[:, 1], straight[:, 0].roll(1, dims=-1))
    for frame, turn in ((1, 1), (2, -1), (3, 1)):
        assert torch.equal(winding[:, frame], winding[:, frame - 1].roll(turn, dims=-1))


def test_haar_weights_change_the_loss_and_leave_the_error(batch_of):
    found = []
    for weights in ({}, {"motion": 4.0}, {"scene": 0.0, "detail": 0.0, "motion": 0.0}):
        recipe = recipe_of("ltx", haar=weights)
        network, batch = make_network(recipe, 0), batch_of(recipe)
        torch.manual_seed(0)
        with torch.no_grad():
            found.append({name: value.mean().item() for name, value in network(batch).items()})
    plain, moving, nothing = found
    assert plain["loss"] == plain["error"] == moving["error"]
    assert moving["loss"] > 1.05 * plain["loss"] and nothing["loss"] == 0.0
    assert len(haar.BANDS) == 8


def tiny_dino(folder):
    from transformers import Dinov2Config, Dinov2Model

    torch.manual_seed(0)
    Dinov2Model(
        Dinov2Config(
            hidden_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=28, patch_size=7
        )
    ).save_pretrained(folder)
    return f"dino:{folder}"


@pytest.mark.parametrize("model", ["ltx", "svd"])
def test_a_teachers_relations_are_approached_while_training(model, batch_of, tmp_path):
    recipe = recipe_of(model, teacher=tiny_dino(tmp_path), teacher_share=5.0, margin=0.0)
    network, batch = make_network(recipe, 0).train(), batch_of(recipe)
    frozen = copy.deepcopy(network.teacher.state_dict())
    learnt = [p for p in network.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(learnt, lr=1e-2)
    relations = []
    for _ in range(8):
        torch.manual_seed(0)
        losses = recipe.losses(network, batch)
        assert losses["loss"].item() == pytest.approx(
            losses["error"].item() + 5.0 * losses["relations"].item(), rel=1e-5
        )
        relations.append(losses["relations"].item())
        optimiser.zero_grad()
        losses["loss"].backward()
        optimiser.step()
    assert relations[-1] < 0.9 * relations[0]
    assert all(
        torch.equal(value, frozen[name]) for name, value in network.teacher.state_dict().items()
    )
    assert "relations" not in network.eval()(batch)


def test_our_depth_estimator_is_a_teacher_of_panoramas():
    teacher = make_teacher("depth", "panorama")
    features = teacher(torch.rand(2, 3, 3, 32, 64))
    assert features.shape[:2] == (2, 3) and features.shape[2:4] == (9, 16)
    assert not torch.allclose(features[0], features[1])
    with pytest.raises(WiwError, match="panoramas only"):
        make_teacher("depth", "front")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("dyno:x", ErrorCode.BAD_PARAMETER),
        ("dino:no/where", ErrorCode.MODEL_UNAVAILABLE),
        ("depth:no/where", ErrorCode.MODEL_UNAVAILABLE),
    ],
)
def test_a_teacher_that_is_not_there_is_refused(name, code):
    with pytest.raises(WiwError) as caught:
        make_teacher(name, "panorama")
    assert caught.value.code is code


@pytest.mark.parametrize(
    ("model", "options", "words"),
    [
        ("ltx", {"frames": 10}, "1 \\+ n \\* 8"),
        ("ltx", {"rnk": 4}, "rank"),
        ("ltx", {"haar": {"moton": 1}}, "motion"),
        ("ltx", {"judged": 1}, "judged"),
        ("ltx", {"model": "wan21"}, "does not train"),
        ("wan22_a14b", {"expert": ""}, "expert"),
        ("wan21", {"expert": "low"}, "expert"),
        ("ltx", {"rank": 0}, "rank 0"),
    ],
)
def test_options_that_do_not_fit_are_refused(model, options, words):
    with pytest.raises(WiwError, match=words) as caught:
        recipe_of(model, **options).network()
    assert caught.value.code is ErrorCode.BAD_PARAMETER
