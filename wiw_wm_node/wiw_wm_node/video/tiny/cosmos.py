"""Tiny Cosmos-Predict2 and 2.5, with a guardrail that guards nothing."""

from __future__ import annotations

from typing import Any

from wiw_wm_node.video.tiny import parts
from wiw_wm_node.video.tiny.hunyuan import CHAT_TEMPLATE, CHAT_TOKENS, qwen_text


class FakeGuardrail:
    """A fake of NVIDIA's guardrail: it lets every prompt and every frame pass.

    For tiny untrained pipelines only. The released weights are used with the real guardrail, as
    their licence asks.
    """

    def to(self, *_: Any, **__: Any) -> FakeGuardrail:
        """Return itself: it is on no device."""
        return self

    def check_text_safety(self, prompt: str) -> bool:
        """Return True."""
        del prompt
        return True

    def check_video_safety(self, frames: Any) -> Any:
        """Return the frames unchanged."""
        return frames


def cosmos2() -> Any:
    """Return an untrained ``Cosmos2VideoToWorldPipeline``: 8 x 8 pixels and 4 frames a latent."""
    from diffusers import Cosmos2VideoToWorldPipeline, FlowMatchEulerDiscreteScheduler

    words = parts.tokenizer()
    return Cosmos2VideoToWorldPipeline(
        text_encoder=parts.t5("T5", words),
        tokenizer=words,
        transformer=_transformer(text_embed_dim=parts.TEXT_WIDTH, extra_pos_embed_type="learnable"),
        vae=parts.wan_vae(),
        scheduler=FlowMatchEulerDiscreteScheduler(use_karras_sigmas=True),
        safety_checker=FakeGuardrail(),
    )


def cosmos25() -> Any:
    """Return an untrained ``Cosmos2_5_PredictBasePipeline``."""
    from diffusers import Cosmos2_5_PredictBasePipeline, UniPCMultistepScheduler

    words = parts.tokenizer(CHAT_TOKENS, CHAT_TEMPLATE)
    return Cosmos2_5_PredictBasePipeline(
        text_encoder=_qwen(len(words)),
        tokenizer=words,
        transformer=_transformer(
            text_embed_dim=parts.TEXT_WIDTH,
            extra_pos_embed_type=None,
            use_crossattn_projection=True,
            crossattn_proj_in_channels=2 * 16,  # two layers of width 16, side by side
            encoder_hidden_states_channels=parts.TEXT_WIDTH,
        ),
        vae=parts.wan_vae(),
        scheduler=UniPCMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=5.0
        ),
        safety_checker=FakeGuardrail(),
    )


def _transformer(**options: Any) -> Any:
    from diffusers import CosmosTransformer3DModel

    return parts.louder(
        CosmosTransformer3DModel(
            in_channels=16 + 1,
            out_channels=16,
            num_attention_heads=2,
            attention_head_dim=16,
            num_layers=2,
            mlp_ratio=2,
            adaln_lora_dim=4,
            max_size=(16, 128, 128),
            **options,
        )
    )


def _qwen(vocabulary: int) -> Any:
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    return Qwen2_5_VLForConditionalGeneration(
        Qwen2_5_VLConfig(
            text_config=qwen_text(vocabulary),
            vision_config={
                "depth": 1,
                "hidden_size": 16,
                "intermediate_size": 16,
                "num_heads": 2,
                "out_hidden_size": 16,
                "fullatt_block_indexes": [0],
            },
        )
    )
