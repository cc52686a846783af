#include "io/graphics.h"

#include "io/chafa_abi.h"
#include "io/inline.h"
#include "io/shades.h"
#include <dlfcn.h>
#include <langinfo.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

const char *const sn_graphics_names[] = { "none", "ascii",     "mono",  "8",     "16",
                                          "256",  "truecolor", "sixel", "iterm", "kitty" };

/* ---- libchafa ---- */

#define POINTER(result, name, args) result(*name) args;
static struct { SN_CHAFA_FUNCTIONS(POINTER) } lib;

static pthread_once_t lib_once = PTHREAD_ONCE_INIT;
static char lib_problem[300]; /* empty: it is there */

static void find(void *handle, const char *name, void *pointer) {
    void *f = dlsym(handle, name);
    memcpy(pointer, &f, sizeof f); /* ISO C has no cast from void * to a function */
    if (!f) snprintf(lib_problem, sizeof lib_problem, "it has no %s", name);
}

static void open_library(void) {
    void *handle = dlopen(SN_CHAFA_LIBRARY, RTLD_NOW | RTLD_LOCAL); /* stays open */
    if (!handle) {
        const char *why = dlerror();
        snprintf(lib_problem, sizeof lib_problem, "%s", why ? why : "cannot be opened");
        return;
    }
#define FIND(result, name, args) find(handle, #name, &lib.name);
    SN_CHAFA_FUNCTIONS(FIND)
    if (!lib_problem[0]) lib.chafa_set_n_threads(1); /* what fits into a terminal is not worth more */
}

static sn_status want_library(sn_err *e) {
    pthread_once(&lib_once, open_library);
    if (!lib_problem[0]) return SN_OK;
    return sn_fail(e, SN_EIO,
                   "pictures in the terminal need libchafa (Debian: apt-get install libchafa0); "
                   "p:save(\"x.png\") writes them to a file all the same (%s)",
                   lib_problem);
}

/* What only libchafa draws. */
static bool by_library(sn_graphics g) { return g >= SN_GFX_8 && g <= SN_GFX_SIXEL; }

/* ---- what to draw with ---- */

static const char *env_get(const char *const *env, const char *name) {
    size_t n = strlen(name);
    for (; env && *env; env++)
        if (strncmp(*env, name, n) == 0 && (*env)[n] == '=') return *env + n + 1;
    return "";
}

void sn_terminal_of(sn_terminal *t, int fd) {
    struct winsize w = { 0 };
    *t = (sn_terminal){ .is_terminal = isatty(fd) == 1,
                        .utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0,
                        .env = (const char *const *)environ };
    if (!t->is_terminal || ioctl(fd, TIOCGWINSZ, &w) != 0) w = (struct winsize){ 0 };
    t->cols = w.ws_col > 0 ? w.ws_col : 80;
    t->rows = w.ws_row > 0 ? w.ws_row : 24;
    int cw = w.ws_xpixel / t->cols, ch = w.ws_ypixel / t->rows;
    bool known = cw >= 2 && ch >= 2 && cw <= 200 && ch <= 400;
    t->cell_w = known ? cw : 10;
    t->cell_h = known ? ch : 20;
}

static bool begins(const char *s, const char *with) { return strncmp(s, with, strlen(with)) == 0; }

/* tmux and screen: what they say of themselves is true, what was said of the terminal around them may not be.
 */
static bool within_another(const sn_terminal *t) {
    const char *term = env_get(t->env, "TERM");
    return *env_get(t->env, "TMUX") || *env_get(t->env, "STY") || begins(term, "tmux") ||
           begins(term, "screen");
}

static sn_graphics uncolored(const sn_terminal *t) { return t->utf8 ? SN_GFX_MONO : SN_GFX_ASCII; }

/* The best that libchafa knows the terminal to show. */
static sn_graphics detect(const sn_terminal *t, bool pixels) {
    static const struct {
        int seq;
        sn_graphics gfx;
    } best_first[] = {
        { CHAFA_SEQ_KITTY, SN_GFX_KITTY },  { CHAFA_SEQ_ITERM2, SN_GFX_ITERM },
        { CHAFA_SEQ_SIXELS, SN_GFX_SIXEL }, { CHAFA_SEQ_TRUECOLOR, SN_GFX_TRUECOLOR },
        { CHAFA_SEQ_256, SN_GFX_256 },      { CHAFA_SEQ_16, SN_GFX_16 },
        { CHAFA_SEQ_8, SN_GFX_8 },
    };
    sn_graphics found = uncolored(t);
    sn_chafa_info *info = lib.chafa_term_db_detect(lib.chafa_term_db_get_default(), t->env);
    for (size_t i = 0; i < sizeof best_first / sizeof *best_first; i++) {
        if (best_first[i].gfx >= SN_GFX_PIXELS && !pixels) continue;
        if (!lib.chafa_term_info_have_seq(info, best_first[i].seq)) continue;
        found = best_first[i].gfx;
        break;
    }
    lib.chafa_term_info_unref(info);
    const char *said = env_get(t->env, "COLORTERM"); /* libchafa hears it from few */
    bool direct = strcmp(said, "truecolor") == 0 || strcmp(said, "24bit") == 0;
    return found == SN_GFX_256 && direct && !within_another(t) ? SN_GFX_TRUECOLOR : found;
}

/* SONDE_GRAPHICS as it was given. */
static sn_status choose_by_name(const sn_terminal *t, const char *name, sn_graphics *g, sn_err *e) {
    if (strcmp(name, "iterm2") == 0) name = sn_graphics_names[SN_GFX_ITERM]; /* as the program calls itself */
    for (size_t i = 0; i < sizeof sn_graphics_names / sizeof *sn_graphics_names; i++)
        if (strcmp(name, sn_graphics_names[i]) == 0) {
            *g = (sn_graphics)i;
            return by_library(*g) ? want_library(e) : SN_OK;
        }
    if (strcmp(name, "symbols") != 0)
        return sn_fail(
            e, SN_EINVAL,
            "SONDE_GRAPHICS=\"%.40s\" is not one of kitty, sixel, iterm, symbols, truecolor, 256, 16, 8, "
            "mono, ascii, none; where it is not set, the terminal decides",
            name);
    if (want_library(e) != SN_OK) return SN_EIO;
    *g = detect(t, false);
    return SN_OK;
}

sn_status sn_graphics_choose(const sn_terminal *t, sn_graphics *g, sn_err *e) {
    const char *override = env_get(t->env, "SONDE_GRAPHICS"), *term = env_get(t->env, "TERM");
    *g = SN_GFX_NONE;
    if (*override) return choose_by_name(t, override, g, e);
    if (!t->is_terminal) return SN_OK;
    if (strcmp(term, "dumb") == 0 || *env_get(t->env, "NO_COLOR")) {
        *g = uncolored(t);
        return SN_OK;
    }
    if (want_library(e) != SN_OK) return SN_EIO;
    *g = detect(t, !within_another(t));
    return SN_OK;
}

/* ---- size ---- */

/* A canvas of whole characters, and the pixels that libchafa draws of each. A square of the picture is unit_w x
 * unit_h of them: a symbol is 8 x 8 pixels to libchafa, whatever its shape on the screen. */
typedef struct {
    int cell_w, cell_h;
    double unit_w, unit_h;
    int cols, rows;             /* room on the screen */
    int small_cols, small_rows; /* enlarging stops at this size */
    bool bands;                 /* sixels */
} grid;

static grid grid_of(const sn_terminal *t, sn_graphics g) {
    int rows = t->rows > 6 ? t->rows - 2 : 4, cols = t->cols > 1 ? t->cols : 1;
    if (g >= SN_GFX_PIXELS) return (grid){ t->cell_w, t->cell_h, 1, 1, cols, rows, 40, 16, g == SN_GFX_SIXEL };
    double tall = (double)t->cell_h / t->cell_w;
    /* Nearly twice as high as wide: taken as that, so that half a symbol is a pixel and no edge is blurred. */
    if (tall > 1.7 && tall < 2.4) tall = 2;
    return (grid){ 8, 8, 8, 8 / tall, cols, rows, 60, 20, false };
}

enum { MAX_SIDE = 4096 }; /* pixels that are sent to a terminal in one direction */

/* Pixels that libchafa draws of so many rows: sixels come in bands of six, and what is over would be squeezed.
 */
static int64_t height_of_rows(const grid *g, int64_t rows) {
    int64_t h = rows * g->cell_h;
    return g->bands ? h - h % 6 : h;
}

/* The picture in the size in which it will be seen. */
static sn_status fit(sn_picture *out, const sn_picture *in, const grid *g, sn_err *e) {
    double wide = fmin(g->cols * g->cell_w, MAX_SIDE) / g->unit_w,
           high = fmin((double)height_of_rows(g, g->rows), MAX_SIDE) / g->unit_h;
    double room = fmin(wide / (double)in->w, high / (double)in->h);
    double small = fmin(g->small_cols * g->cell_w / g->unit_w / (double)in->w,
                        g->small_rows * g->cell_h / g->unit_h / (double)in->h);
    double k = room < 1 ? room : fmax(1, floor(fmin(room, small)));
    double w = k * g->unit_w * (double)in->w, h = k * g->unit_h * (double)in->h;
    double kx = k * g->unit_w, ky = k * g->unit_h;
    if (room >= 1 && kx == floor(kx) && ky == floor(ky))
        return sn_picture_enlarge(out, in, (int64_t)kx, (int64_t)ky, e);
    return sn_picture_resize(out, in, (int64_t)fmax(1, round(w)), (int64_t)fmax(1, round(h)), e);
}

/* Whole characters: what the picture leaves of the last ones is transparent. */
static sn_status fill_cells(sn_picture *canvas, const sn_picture *seen, const grid *g, int64_t *rows,
                            sn_err *e) {
    static const uint8_t clear[4] = { 0 };
    int64_t w = (seen->w + g->cell_w - 1) / g->cell_w * g->cell_w;
    for (*rows = (seen->h + g->cell_h - 1) / g->cell_h; height_of_rows(g, *rows) < seen->h;) ++*rows;
    sn_status s = sn_picture_new(canvas, w, height_of_rows(g, *rows), 4, clear, e);
    if (s == SN_OK) sn_picture_paste(canvas, seen, 0, 0);
    return s;
}

/* ---- drawing ---- */

static int canvas_mode(sn_graphics g) {
    switch (g) {
    case SN_GFX_8: return CHAFA_8;
    case SN_GFX_16: return CHAFA_16;
    case SN_GFX_256: return CHAFA_256;
    default: return CHAFA_TRUECOLOR;
    }
}

static sn_chafa_config *configure(const sn_terminal *t, sn_graphics g, const grid *cells, int64_t cols,
                                  int64_t rows) {
    sn_chafa_config *c = lib.chafa_canvas_config_new();
    sn_chafa_map *map = lib.chafa_symbol_map_new();
    lib.chafa_symbol_map_add_by_tags(map, CHAFA_SPACE | (t->utf8 ? CHAFA_SOLID | CHAFA_BLOCK : CHAFA_ASCII));
    lib.chafa_canvas_config_set_symbol_map(c, map);
    lib.chafa_symbol_map_unref(map);
    lib.chafa_canvas_config_set_geometry(c, (int)cols, (int)rows);
    lib.chafa_canvas_config_set_cell_geometry(c, cells->cell_w, cells->cell_h);
    lib.chafa_canvas_config_set_canvas_mode(c, canvas_mode(g));
    lib.chafa_canvas_config_set_pixel_mode(c, g == SN_GFX_SIXEL ? CHAFA_SIXELS : CHAFA_SYMBOLS);
    /* Numbers shall look as they are; where colors are few, neighbors make up for it. */
    lib.chafa_canvas_config_set_preprocessing_enabled(c, 0);
    if (g <= SN_GFX_16) lib.chafa_canvas_config_set_dither_mode(c, CHAFA_DITHER_ORDERED);
    /* Neither repeating nor skipping characters: what is copied from the terminal is then whole. */
    lib.chafa_canvas_config_set_optimizations(c, CHAFA_REUSE_ATTRIBUTES);
    return c;
}

/* The terminal's codes, and the usual ones where it is not known to have those that were asked for. */
static sn_chafa_info *codes_for(const sn_terminal *t, sn_graphics g) {
    static const int wanted[] = { [SN_GFX_8] = CHAFA_SEQ_8,
                                  [SN_GFX_16] = CHAFA_SEQ_16,
                                  [SN_GFX_256] = CHAFA_SEQ_256,
                                  [SN_GFX_TRUECOLOR] = CHAFA_SEQ_TRUECOLOR,
                                  [SN_GFX_SIXEL] = CHAFA_SEQ_SIXELS };
    sn_chafa_db *db = lib.chafa_term_db_get_default();
    sn_chafa_info *info = lib.chafa_term_db_detect(db, t->env);
    if (!lib.chafa_term_info_have_seq(info, wanted[g])) {
        sn_chafa_info *usual = lib.chafa_term_db_get_fallback_info(db);
        lib.chafa_term_info_supplement(info, usual);
        lib.chafa_term_info_unref(usual);
    }
    return info;
}

/* p fills so many characters. */
static void draw(const sn_picture *p, int64_t cols, int64_t rows, const sn_terminal *t, sn_graphics g,
                 const grid *cells, sn_buf *out) {
    sn_chafa_config *c = configure(t, g, cells, cols, rows);
    sn_chafa_canvas *canvas = lib.chafa_canvas_new(c);
    sn_chafa_info *info = codes_for(t, g);
    lib.chafa_canvas_draw_all_pixels(canvas, CHAFA_RGBA8, p->data, (int)p->w, (int)p->h, (int)p->w * 4);
    sn_chafa_text *text = lib.chafa_canvas_print(canvas, info);
    sn_buf_add(out, text->str, text->len);
    lib.g_string_free(text, 1);
    lib.chafa_term_info_unref(info);
    lib.chafa_canvas_unref(canvas);
    lib.chafa_canvas_config_unref(c);
}

sn_status sn_graphics_encode(const sn_picture *p, const sn_terminal *t, sn_graphics g, sn_buf *out, sn_err *e) {
    sn_picture seen = { 0 }, canvas = { 0 };
    grid cells = grid_of(t, g);
    sn_status s = by_library(g) ? want_library(e) : SN_OK;
    if (s == SN_OK) s = fit(&seen, p, &cells, e);
    int64_t rows = 0;
    if (s == SN_OK) s = fill_cells(&canvas, &seen, &cells, &rows, e);
    if (s == SN_OK) {
        int64_t cols = canvas.w / cells.cell_w;
        if (g == SN_GFX_KITTY)
            s = sn_inline_kitty(&canvas, cols, rows, out, e);
        else if (g == SN_GFX_ITERM)
            s = sn_inline_iterm(&canvas, cols, rows, out, e);
        else if (g <= SN_GFX_MONO)
            sn_shades(&canvas, g == SN_GFX_MONO, out);
        else
            draw(&canvas, cols, rows, t, g, &cells, out);
        sn_buf_str(out, "\n");
    }
    if (s == SN_OK) {
        s = sn_buf_check(out, "a picture for the terminal", e);
    }
    sn_picture_drop(&seen);
    sn_picture_drop(&canvas);
    return s;
}
