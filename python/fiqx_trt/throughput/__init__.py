"""What this machine does now: images per second of everything a long run consists of.

==========  ====================================================================
module      does
==========  ====================================================================
`measure`   rounds of several subjects side by side, and what comes of them
`pictures`  the faces, crops and photos to measure with: made ones or the user's
`subjects`  what is measured, each by the public functions a user would call
==========  ====================================================================
"""

from __future__ import annotations
