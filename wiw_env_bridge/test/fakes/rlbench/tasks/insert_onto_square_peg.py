"""One task."""

from coppelia_fake import task_class

InsertOntoSquarePeg = task_class("insert_onto_square_peg")
