/* Pictures in text without color: characters by their brightness, on a dark ground. */
#ifndef SN_IO_SHADES_H
#define SN_IO_SHADES_H

#include "base/buf.h"
#include "io/picture.h"

/* p is RGBA; every 8 x 8 pixels of it are a character. Plain ASCII: ten shades. With blocks: five, and half
 * blocks where the halves differ. Lines are divided by newlines; there is none at the end. The caller checks
 * *out. */
void sn_shades(const sn_picture *p, bool blocks, sn_buf *out);

#endif
