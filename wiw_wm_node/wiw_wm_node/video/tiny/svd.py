"""Tiny Stable Video Diffusion."""

from __future__ import annotations

from typing import Any

from wiw_wm_node.video.tiny import parts


def svd() -> Any:
    """Return an untrained ``StableVideoDiffusionPipeline``: 8 x 8 pixels to a latent."""
    from diffusers import (
        AutoencoderKLTemporalDecoder,
        EulerDiscreteScheduler,
        StableVideoDiffusionPipeline,
        UNetSpatioTemporalConditionModel,
    )

    encoder, features = parts.clip_vision(width=32, projection=32)
    return StableVideoDiffusionPipeline(
        vae=AutoencoderKLTemporalDecoder(
            block_out_channels=(32, 32, 32, 32),  # its norms have 32 groups
            down_block_types=("DownEncoderBlock2D",) * 4,
            layers_per_block=1,
        ),
        image_encoder=encoder,
        unet=UNetSpatioTemporalConditionModel(
            block_out_channels=(32, 32),
            layers_per_block=1,
            sample_size=32,
            down_block_types=("CrossAttnDownBlockSpatioTemporal", "DownBlockSpatioTemporal"),
            up_block_types=("UpBlockSpatioTemporal", "CrossAttnUpBlockSpatioTemporal"),
            cross_attention_dim=32,
            num_attention_heads=4,
            addition_time_embed_dim=32,
            projection_class_embeddings_input_dim=96,
        ),
        # As in the released weights: continuous noise levels, v-prediction.
        scheduler=EulerDiscreteScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            prediction_type="v_prediction",
            interpolation_type="linear",
            timestep_spacing="leading",
            steps_offset=1,
            timestep_type="continuous",
            sigma_min=0.002,
            sigma_max=700.0,
            use_karras_sigmas=True,
        ),
        feature_extractor=features,
    )
