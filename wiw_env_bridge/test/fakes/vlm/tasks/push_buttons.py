"""One task."""

from coppelia_fake import task_class

PushButtons = task_class("push_buttons")
