"""Camera geometry in numpy: rays, projections and sample maps (made for ``cv2.remap`` too).

Pixel centres have whole-number coordinates: (0, 0) is the centre of the top-left pixel. A sample
map is a pair ``map_x, map_y`` of float32 arrays: where each output pixel reads the source image.
"""
