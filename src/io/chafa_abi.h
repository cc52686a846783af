/* What we use of libchafa 1.12 (LGPL), by its binary interface, which its soname keeps. Not its header: that
 * wants GLib's, whose package brings Python along. The library is opened when the first picture is drawn: it
 * costs a millisecond that a prompt should not wait for, and without it everything else works. */
#ifndef SN_IO_CHAFA_ABI_H
#define SN_IO_CHAFA_ABI_H

#include <stddef.h>
#include <stdint.h>

#define SN_CHAFA_LIBRARY "libchafa.so.0"

typedef struct sn_chafa_config sn_chafa_config; /* ChafaCanvasConfig */
typedef struct sn_chafa_canvas sn_chafa_canvas; /* ChafaCanvas */
typedef struct sn_chafa_map sn_chafa_map;       /* ChafaSymbolMap */
typedef struct sn_chafa_info sn_chafa_info;     /* ChafaTermInfo */
typedef struct sn_chafa_db sn_chafa_db;         /* ChafaTermDb */
typedef struct {                                /* GString */
    char *str;
    size_t len, allocated;
} sn_chafa_text;

enum { /* ChafaCanvasMode */
       CHAFA_TRUECOLOR = 0,
       CHAFA_256 = 1,
       CHAFA_16 = 3,
       CHAFA_8 = 6
};
enum { CHAFA_SYMBOLS, CHAFA_SIXELS };             /* ChafaPixelMode */
enum { CHAFA_DITHER_NONE, CHAFA_DITHER_ORDERED }; /* ChafaDitherMode */
enum { CHAFA_REUSE_ATTRIBUTES = 1 };              /* ChafaOptimizations */
enum { CHAFA_RGBA8 = 4 /* unassociated */ };      /* ChafaPixelType */
enum {                                            /* ChafaSymbolTags */
       CHAFA_SPACE = 1 << 0,
       CHAFA_SOLID = 1 << 1,
       CHAFA_BLOCK = 1 << 3,
       CHAFA_ASCII = 1 << 14,
};
enum { /* ChafaTermSeq: what a terminal understands */
       CHAFA_SEQ_TRUECOLOR = 33,
       CHAFA_SEQ_256 = 36,
       CHAFA_SEQ_16 = 39,
       CHAFA_SEQ_SIXELS = 40,
       CHAFA_SEQ_KITTY = 43,
       CHAFA_SEQ_ITERM2 = 47,
       CHAFA_SEQ_8 = 54
};

/* X(result, name, arguments): a function pointer of that name in the table of what was found. */
#define SN_CHAFA_FUNCTIONS(X)                                                                                  \
    X(sn_chafa_config *, chafa_canvas_config_new, (void))                                                      \
    X(void, chafa_canvas_config_unref, (sn_chafa_config *))                                                    \
    X(void, chafa_canvas_config_set_geometry, (sn_chafa_config *, int w, int h))                               \
    X(void, chafa_canvas_config_set_cell_geometry, (sn_chafa_config *, int w, int h))                          \
    X(void, chafa_canvas_config_set_canvas_mode, (sn_chafa_config *, int))                                     \
    X(void, chafa_canvas_config_set_pixel_mode, (sn_chafa_config *, int))                                      \
    X(void, chafa_canvas_config_set_dither_mode, (sn_chafa_config *, int))                                     \
    X(void, chafa_canvas_config_set_symbol_map, (sn_chafa_config *, const sn_chafa_map *))                     \
    X(void, chafa_canvas_config_set_preprocessing_enabled, (sn_chafa_config *, int))                           \
    X(void, chafa_canvas_config_set_optimizations, (sn_chafa_config *, int))                                   \
    X(sn_chafa_map *, chafa_symbol_map_new, (void))                                                            \
    X(void, chafa_symbol_map_unref, (sn_chafa_map *))                                                          \
    X(void, chafa_symbol_map_add_by_tags, (sn_chafa_map *, int))                                               \
    X(sn_chafa_canvas *, chafa_canvas_new, (const sn_chafa_config *))                                          \
    X(void, chafa_canvas_unref, (sn_chafa_canvas *))                                                           \
    X(void, chafa_canvas_draw_all_pixels,                                                                      \
      (sn_chafa_canvas *, int type, const uint8_t *, int w, int h, int rowstride))                             \
    X(sn_chafa_text *, chafa_canvas_print, (sn_chafa_canvas *, sn_chafa_info *))                               \
    X(sn_chafa_db *, chafa_term_db_get_default, (void))                                                        \
    X(sn_chafa_info *, chafa_term_db_detect, (sn_chafa_db *, const char *const *env))                          \
    X(sn_chafa_info *, chafa_term_db_get_fallback_info, (sn_chafa_db *))                                       \
    X(void, chafa_term_info_supplement, (sn_chafa_info *, sn_chafa_info *))                                    \
    X(int, chafa_term_info_have_seq, (const sn_chafa_info *, int))                                             \
    X(void, chafa_term_info_unref, (sn_chafa_info *))                                                          \
    X(void, chafa_set_n_threads, (int))                                                                        \
    X(char *, g_string_free, (sn_chafa_text *, int))

#endif
