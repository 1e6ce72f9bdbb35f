"""One task."""

from coppelia_fake import task_class

StackCups = task_class("stack_cups")
