"""One task."""

from coppelia_fake import task_class

SlideBlockToColorTarget = task_class("slide_block_to_color_target")
