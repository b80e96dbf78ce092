"""From what the user names to aligned faces: sources, decoding, detection, alignment, batches.

===========  ====================================================================
module       does
===========  ====================================================================
`sources`    files, folders, globs, archives, lists and tables to one `Source` per picture
`in_memory`  bytes, arrays and PIL images to one source per picture
`tar`        the pictures in tar archives
`header`     format and size of a picture without decoding it
`jpeg`       JPEG: its size as decoders see it, its data checked and decoded
`png`        PNG: its chunks checked and reduced to the picture
`tiff`       the tags of a TIFF and of EXIF
`heif`       HEIC and AVIF, with the extra of that name
`decode`     bytes to an RGB array
`detect`     where the faces of a picture and their five landmarks are
`mtcnn`      the detector of that name, in all sizes of a picture (`pyramid`), with boxes from `boxes`
`yunet`      the detector of that name, in all four directions
`align`      a face moved to a model's template
`prepare`    one source to its face records, a bad one to a row that says why
`batch`      many sources to batches of records, ahead of their consumer
===========  ====================================================================
"""
