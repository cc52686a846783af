/* Pictures in a terminal, through libchafa: real pixels where it can show them (kitty, iTerm2, sixels), colored
 * symbols elsewhere. */
#ifndef SN_IO_GRAPHICS_H
#define SN_IO_GRAPHICS_H

#include "base/buf.h"
#include "io/picture.h"

typedef enum {
    SN_GFX_NONE,  /* nothing but text */
    SN_GFX_ASCII, /* symbols without color and escape codes */
    SN_GFX_MONO,  /* the same in Unicode's blocks */
    SN_GFX_8,
    SN_GFX_16,
    SN_GFX_256,
    SN_GFX_TRUECOLOR,
    SN_GFX_SIXEL,
    SN_GFX_ITERM,
    SN_GFX_KITTY
} sn_graphics;
extern const char *const sn_graphics_names[]; /* "none", "ascii", "mono", "8", ... */
#define SN_GFX_PIXELS SN_GFX_SIXEL            /* from here on: real pixels */

typedef struct {
    bool is_terminal, utf8;
    int cols, rows;
    int cell_w, cell_h;     /* pixels of a character; 10 x 20 where the terminal does not say */
    const char *const *env; /* NAME=value, NULL-terminated; borrowed */
} sn_terminal;

void sn_terminal_of(sn_terminal *, int fd); /* with the process's environment and locale */

/* What to draw with. SONDE_GRAPHICS overrides everything (an unknown value is SN_EINVAL, naming those there
 * are); else nothing where it is no terminal; no color with TERM=dumb or a non-empty NO_COLOR; inside tmux and
 * screen symbols, since these hand on no pixels; else what libchafa knows of the terminal. SN_EIO where it is
 * missing and would be needed; the message says what to install. */
sn_status sn_graphics_choose(const sn_terminal *, sn_graphics *, sn_err *);

/* The picture as text for the terminal, ending with a newline, appended to *out: never wider than the terminal,
 * nor higher than its rows but two. Small pictures are enlarged by whole factors, larger ones reduced. Not for
 * SN_GFX_NONE. */
sn_status sn_graphics_encode(const sn_picture *, const sn_terminal *, sn_graphics, sn_buf *out, sn_err *);

#endif
