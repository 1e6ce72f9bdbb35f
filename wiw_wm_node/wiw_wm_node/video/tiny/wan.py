"""Tiny Wan pipelines: 2.1, 2.2 with two experts, 2.2 with 5 billion parameters."""

from __future__ import annotations

from typing import Any

from wiw_wm_node.video.tiny import parts

_CLIP = 8


def wan21() -> Any:
    """Return an untrained ``WanImageToVideoPipeline`` of the 2.1 kind: with a CLIP branch."""
    from diffusers import UniPCMultistepScheduler

    encoder, features = parts.clip_vision(width=_CLIP)
    return _pipeline(
        UniPCMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0
        ),
        transformer=_transformer(channels=36, image_dim=_CLIP),
        image_encoder=encoder,
        image_processor=features,
    )


def wan22_a14b() -> Any:
    """Return an untrained ``WanImageToVideoPipeline`` with one expert per noise level."""
    from diffusers import UniPCMultistepScheduler

    return _pipeline(
        UniPCMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0
        ),
        transformer=_transformer(channels=36),
        transformer_2=_transformer(channels=36),
        boundary_ratio=0.9,
    )


def wan22_5b() -> Any:
    """Return an untrained ``WanImageToVideoPipeline`` of the TI2V kind: 16 x 16 pixels a latent.

    The given frame enters through a time of its own per latent frame, not through more channels.
    """
    from diffusers import AutoencoderKLWan, UniPCMultistepScheduler

    return _pipeline(
        UniPCMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=5.0
        ),
        transformer=_transformer(channels=48, out=48),
        vae=AutoencoderKLWan(
            base_dim=4,
            decoder_base_dim=4,
            z_dim=48,
            dim_mult=[1, 1, 1, 1],
            num_res_blocks=1,
            temperal_downsample=[False, True, True],
            latents_mean=[0.0] * 48,
            latents_std=[1.0] * 48,
            is_residual=True,
            in_channels=12,
            out_channels=12,
            patch_size=2,
            scale_factor_spatial=16,
        ),
        expand_timesteps=True,
    )


def _transformer(channels: int, out: int = 16, image_dim: int | None = None) -> Any:
    from diffusers import WanTransformer3DModel

    return parts.louder(
        WanTransformer3DModel(
            num_attention_heads=2,
            attention_head_dim=12,
            in_channels=channels,
            out_channels=out,
            text_dim=parts.TEXT_WIDTH,
            ffn_dim=32,
            num_layers=2,
            image_dim=image_dim,
            added_kv_proj_dim=24 if image_dim else None,
        )
    )


def _pipeline(scheduler: Any, **given: Any) -> Any:
    from diffusers import WanImageToVideoPipeline

    words = parts.tokenizer()
    return WanImageToVideoPipeline(
        tokenizer=words,
        text_encoder=parts.t5("UMT5", words),
        scheduler=scheduler,
        vae=given.pop("vae", None) or parts.wan_vae(),
        **given,
    )
