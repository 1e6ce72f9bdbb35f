"""Pieces that several tiny pipelines share: a tokenizer made in code, small encoders, small VAEs.

Every piece is of the class that the real pipeline uses, built from a configuration with random
weights: a few thousand parameters, no file, no network.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_WORDS = (
    "First-person view of a robot moving through a still indoor scene."
    " The camera moves forward 0.2 m, then turns left 22.5 degrees, then turns right."
    " A robot arm at a table carries out this task: push the button."
    " Describe the video by detailing the following aspects according to the reference image"
)
_SPECIAL = ("<pad>", "</s>", "<unk>", "<s>")
TEXT_WIDTH = 32


def tokenizer(extra: Sequence[str] = (), template: str = "", most: int = 512) -> Any:
    """Return a byte-pair tokenizer of about 600 entries that encodes any text.

    The words of our own prompts are merged to one token each, so that prompts are not cut at a few
    words; everything else is spelt in bytes.

    Parameters
    ----------
    extra : sequence of str
        Further special tokens.
    template : str
        A Jinja chat template, for the tokenizers of chat models.
    most : int
        Longest sequence.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    split = pre_tokenizers.ByteLevel(add_prefix_space=False)
    vocabulary = {token: i for i, token in enumerate((*_SPECIAL, *extra))}
    for letter in sorted(pre_tokenizers.ByteLevel.alphabet()):
        vocabulary.setdefault(letter, len(vocabulary))
    merges = []
    for word, _ in split.pre_tokenize_str(_WORDS):
        for end in range(1, len(word)):
            if word[: end + 1] not in vocabulary:
                vocabulary[word[: end + 1]] = len(vocabulary)
                merges.append((word[:end], word[end]))
    core = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, unk_token="<unk>"))
    core.pre_tokenizer = split
    core.decoder = decoders.ByteLevel()
    made = PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        bos_token="<s>",
        additional_special_tokens=list(extra),
        model_max_length=most,
    )
    if template:
        made.chat_template = template
    return made


def t5(kind: str, words: Any) -> Any:
    """Return a T5 or UMT5 encoder of width 32 for the tokenizer ``words``.

    Parameters
    ----------
    kind : str
        ``T5`` or ``UMT5``.
    """
    import transformers

    config = getattr(transformers, f"{kind}Config")(
        vocab_size=len(words), d_model=TEXT_WIDTH, d_kv=8, d_ff=37, num_layers=2, num_heads=4
    )
    return getattr(transformers, f"{kind}EncoderModel")(config)


def clip_vision(width: int, projection: int = 0) -> tuple[Any, Any]:
    """Return a CLIP image encoder of 49 + 1 tokens and its image processor.

    Parameters
    ----------
    projection : int
        Width of the projected image embedding that SVD takes; 0 for the encoder without one.
    """
    from transformers import (
        CLIPImageProcessor,
        CLIPVisionConfig,
        CLIPVisionModel,
        CLIPVisionModelWithProjection,
    )

    config = CLIPVisionConfig(
        hidden_size=width,
        intermediate_size=37,
        projection_dim=projection or width,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=224,
        patch_size=32,
    )
    make = CLIPVisionModelWithProjection if projection else CLIPVisionModel
    return make(config), CLIPImageProcessor(crop_size=224, size={"shortest_edge": 224})


def wan_vae() -> Any:
    """Return the VAE of Wan 2.1, which Cosmos uses too: 8 x 8 pixels and 4 frames to a latent."""
    from diffusers import AutoencoderKLWan

    vae = AutoencoderKLWan(
        base_dim=4,
        z_dim=16,
        dim_mult=[1, 1, 1, 1],
        num_res_blocks=1,
        temperal_downsample=[False, True, True],
    )
    louder(vae.encoder.conv_in, 16.0)
    louder(vae.decoder.conv_in, 16.0)
    return vae


def louder(module: Any, gain: float = 2.0) -> Any:
    """Return the module with larger weights, biases apart.

    Untrained networks hardly react to what they are given; a test shall see it in 8-bit pixels.
    """
    import torch

    with torch.no_grad():
        for weight in module.parameters():
            if weight.ndim > 1:
                weight.mul_(gain)
    return module
