"""Tiny HunyuanVideo image-to-video pipelines, 1.0 and 1.5."""

from __future__ import annotations

from typing import Any

from wiw_wm_node.video.tiny import parts

IMAGE_TOKENS = 49
_LLAMA_TOKENS = (
    "<image>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
    "<|begin_of_text|>",
)
CHAT_TOKENS = ("<|im_start|>", "<|im_end|>")
CHAT_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
    "{% if m['content'] is string %}{{ m['content'] }}"
    "{% else %}{% for part in m['content'] %}{{ part['text'] }}{% endfor %}{% endif %}"
    "<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def hunyuan() -> Any:
    """Return an untrained ``HunyuanVideoImageToVideoPipeline`` that replaces the first token."""
    from diffusers import (
        AutoencoderKLHunyuanVideo,
        FlowMatchEulerDiscreteScheduler,
        HunyuanVideoImageToVideoPipeline,
        HunyuanVideoTransformer3DModel,
    )
    from transformers import CLIPImageProcessor, CLIPTextConfig, CLIPTextModel

    words, phrases = parts.tokenizer(_LLAMA_TOKENS, most=1024), parts.tokenizer(most=77)
    return HunyuanVideoImageToVideoPipeline(
        text_encoder=_llava(words),
        tokenizer=words,
        transformer=HunyuanVideoTransformer3DModel(
            in_channels=4,
            out_channels=4,
            num_attention_heads=2,
            attention_head_dim=12,
            num_layers=1,
            num_single_layers=1,
            num_refiner_layers=1,
            text_embed_dim=16,
            pooled_projection_dim=8,
            rope_axes_dim=(4, 4, 4),
            image_condition_type="token_replace",
        ),
        vae=AutoencoderKLHunyuanVideo(
            latent_channels=4,
            block_out_channels=(8, 8, 8, 8),
            layers_per_block=1,
            norm_num_groups=4,
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=7.0),
        text_encoder_2=CLIPTextModel(
            CLIPTextConfig(
                vocab_size=len(phrases),
                hidden_size=8,
                intermediate_size=37,
                num_hidden_layers=2,
                num_attention_heads=2,
                projection_dim=8,
                pad_token_id=phrases.pad_token_id,
                bos_token_id=phrases.bos_token_id,
                eos_token_id=phrases.eos_token_id,
            )
        ),
        tokenizer_2=phrases,
        image_processor=CLIPImageProcessor(crop_size=224, size={"shortest_edge": 224}),
    )


def _llava(words: Any) -> Any:
    from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig
    from transformers import LlavaForConditionalGeneration as Llava

    return Llava(
        LlavaConfig(
            text_config=LlamaConfig(
                vocab_size=len(words),
                hidden_size=16,
                intermediate_size=37,
                num_hidden_layers=3,
                num_attention_heads=4,
                pad_token_id=words.pad_token_id,
            ),
            vision_config=CLIPVisionConfig(
                hidden_size=8,
                intermediate_size=37,
                projection_dim=32,
                num_hidden_layers=3,
                num_attention_heads=4,
                image_size=224,
                patch_size=32,
            ),
            pad_token_id=words.pad_token_id,
            image_token_index=words.convert_tokens_to_ids("<image>"),
            image_seq_length=IMAGE_TOKENS,
        )
    )


def hunyuan15() -> Any:
    """Return an untrained ``HunyuanVideo15ImageToVideoPipeline`` for clips of about 64 x 64."""
    from diffusers import (
        AutoencoderKLHunyuanVideo15,
        ClassifierFreeGuidance,
        FlowMatchEulerDiscreteScheduler,
        HunyuanVideo15ImageToVideoPipeline,
        HunyuanVideo15Transformer3DModel,
    )
    from transformers import (
        ByT5Tokenizer,
        Qwen2_5_VLTextConfig,
        Qwen2_5_VLTextModel,
        SiglipImageProcessor,
        SiglipVisionConfig,
        SiglipVisionModel,
        T5Config,
        T5EncoderModel,
    )

    words, letters = parts.tokenizer(CHAT_TOKENS, CHAT_TEMPLATE, most=2048), ByT5Tokenizer()
    return HunyuanVideo15ImageToVideoPipeline(
        text_encoder=Qwen2_5_VLTextModel(Qwen2_5_VLTextConfig(**qwen_text(len(words)))),
        tokenizer=words,
        transformer=parts.louder(
            HunyuanVideo15Transformer3DModel(
                in_channels=9,
                out_channels=4,
                num_attention_heads=2,
                attention_head_dim=8,
                num_layers=2,
                num_refiner_layers=1,
                text_embed_dim=16,
                text_embed_2_dim=32,
                image_embed_dim=16,
                rope_axes_dim=(2, 2, 4),
                target_size=64,
            )
        ),
        vae=AutoencoderKLHunyuanVideo15(
            latent_channels=4, block_out_channels=(8, 8, 8, 8, 8), layers_per_block=1
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=7.0),
        text_encoder_2=T5EncoderModel(
            T5Config(
                vocab_size=len(letters), d_model=32, d_kv=8, d_ff=37, num_layers=1, num_heads=4
            )
        ),
        tokenizer_2=letters,
        guider=ClassifierFreeGuidance(guidance_scale=6.0),
        image_encoder=SiglipVisionModel(
            SiglipVisionConfig(
                hidden_size=16,
                intermediate_size=37,
                num_hidden_layers=1,
                num_attention_heads=2,
                image_size=32,
                patch_size=8,
            )
        ),
        feature_extractor=SiglipImageProcessor(size={"height": 32, "width": 32}),
    )


def qwen_text(vocabulary: int) -> dict[str, Any]:
    """Return the configuration of a Qwen2.5-VL language model of width 16 and two layers."""
    return {
        "vocab_size": vocabulary,
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "rope_parameters": {
            "rope_type": "default",
            "mrope_section": [1, 1, 2],
            "rope_theta": 1000000.0,
        },
        "bos_token_id": 3,
        "eos_token_id": 1,
        "pad_token_id": 0,
    }
