/* What the terminal gets: chosen by rule, and decoded again here. The decoders know nothing of the encoder. */
#include "io/graphics.h"
#include "picture_files.h"
#include <stdio.h>

/* ---- choosing ---- */

static sn_terminal terminal(bool is, bool utf8, const char *const *env) {
    return (sn_terminal){
        .is_terminal = is, .utf8 = utf8, .cols = 80, .rows = 24, .cell_w = 10, .cell_h = 20, .env = env
    };
}

#define ENV(...) ((const char *const[]){ __VA_ARGS__, NULL })

static sn_graphics chosen(bool is, bool utf8, const char *const *env) {
    sn_terminal t = terminal(is, utf8, env);
    sn_graphics g;
    sn_err e = { 0 };
    if (sn_graphics_choose(&t, &g, &e) != SN_OK) fail_msg("%s", e.msg);
    return g;
}

static void chooses_by_rule(void **state) {
    (void)state;
    const char *const kitty[] = { "TERM=xterm-kitty", "KITTY_PID=1", NULL };
    assert_int_equal(chosen(true, true, kitty), SN_GFX_KITTY);
    assert_int_equal(chosen(false, true, kitty), SN_GFX_NONE);
    assert_int_equal(chosen(true, true, ENV("TERM=rxvt-unicode-256color")), SN_GFX_256);
    assert_int_equal(chosen(true, true, ENV("TERM=rxvt-unicode-256color", "COLORTERM=truecolor")),
                     SN_GFX_TRUECOLOR);
    assert_int_equal(chosen(true, true, ENV("TERM=mlterm")), SN_GFX_SIXEL);
    assert_int_equal(
        chosen(true, true, ENV("TERM=xterm-256color", "TERM_PROGRAM=iTerm.app", "LC_TERMINAL=iTerm2")),
        SN_GFX_ITERM);
    /* no color */
    assert_int_equal(chosen(true, true, ENV("TERM=dumb")), SN_GFX_MONO);
    assert_int_equal(chosen(true, false, ENV("TERM=dumb")), SN_GFX_ASCII);
    assert_int_equal(chosen(true, true, ENV("TERM=xterm-kitty", "NO_COLOR=1")), SN_GFX_MONO);
    assert_int_equal(chosen(true, true, ENV("TERM=xterm-kitty", "NO_COLOR=")), SN_GFX_KITTY);
    /* within another terminal */
    assert_true(chosen(true, true, ENV("TERM=tmux-256color", "TMUX=/tmp/x", "KITTY_PID=1")) < SN_GFX_PIXELS);
    assert_true(chosen(true, true, ENV("TERM=xterm-kitty", "TMUX=/tmp/x")) < SN_GFX_PIXELS);
    assert_true(chosen(true, true, ENV("TERM=screen.mlterm", "STY=1.x")) < SN_GFX_PIXELS);
}

static void is_overridden(void **state) {
    (void)state;
    for (int i = 0; i <= SN_GFX_KITTY; i++) {
        char text[40];
        snprintf(text, sizeof text, "SONDE_GRAPHICS=%s", sn_graphics_names[i]);
        assert_int_equal(chosen(false, true, ENV(text, "TERM=dumb", "NO_COLOR=1")), i);
    }
    assert_int_equal(chosen(true, true, ENV("SONDE_GRAPHICS=symbols", "TERM=xterm-kitty")), SN_GFX_TRUECOLOR);
    assert_int_equal(chosen(true, true, ENV("SONDE_GRAPHICS=symbols", "TERM=rxvt-unicode-256color")),
                     SN_GFX_256);
    assert_int_equal(chosen(true, true, ENV("SONDE_GRAPHICS=", "TERM=xterm-kitty")), SN_GFX_KITTY);
    sn_terminal t = terminal(false, true, ENV("SONDE_GRAPHICS=sixels"));
    sn_graphics g;
    sn_err e = { 0 };
    assert_int_equal(sn_graphics_choose(&t, &g, &e), SN_EINVAL);
    assert_non_null(strstr(e.msg, "SONDE_GRAPHICS=\"sixels\" is not one of kitty, sixel, iterm, symbols"));
}

/* ---- decoders: each gives RGBA, alpha 0 where nothing was drawn ---- */

typedef struct {
    int w, h;
    uint8_t *rgba;
} seen;

static seen blank(int w, int h) { return (seen){ w, h, calloc((size_t)(w * h), 4) }; }

static uint8_t *at(const seen *s, int x, int y) {
    assert_true(x >= 0 && x < s->w && y >= 0 && y < s->h);
    return s->rgba + 4 * (y * s->w + x);
}

static int sextet(char c) {
    const char *set = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *p = c ? strchr(set, c) : NULL;
    return p ? (int)(p - set) : -1;
}

/* Base64 from *p on, up to what is none of it or behind its padding; bytes written. */
static size_t unbase64(const char **p, uint8_t *out) {
    size_t n = 0;
    unsigned bits = 0;
    int have = 0;
    for (; sextet(**p) >= 0; ++*p) {
        bits = bits << 6 | (unsigned)sextet(**p);
        have += 6;
        if (have < 8) continue;
        have -= 8;
        out[n++] = (uint8_t)(bits >> have);
    }
    assert_int_equal(bits & ((1u << have) - 1), 0); /* what is left over has no bits */
    for (; have > 0 && **p == '='; have -= 2) ++*p;
    assert_int_equal(have, 0);
    return n;
}

/* RGBA from a PNG, by data/image. */
static seen from_png(const uint8_t *png, size_t n) {
    sn_err e = { 0 };
    sn_image image;
    if (sn_image_decode(&image, png, n, 4, 0, &e) != SN_OK) fail_msg("%s", e.msg);
    seen s = blank((int)image.w, (int)image.h);
    memcpy(s.rgba, image.data, (size_t)(4 * s.w * s.h));
    sn_image_drop(&image);
    return s;
}

static seen decode_kitty(const char *p, int *cols, int *rows) {
    uint8_t *png = malloc(strlen(p));
    size_t n = 0;
    int more = 1, end = 0;
    assert_int_equal(sscanf(p, "\x1b_Ga=T,f=100,q=2,c=%d,r=%d,m=%d;%n", cols, rows, &more, &end), 3);
    for (;;) {
        const char *piece = p += end;
        n += unbase64(&p, png + n);
        assert_true(p - piece <= 4096);
        assert_memory_equal(p, "\x1b\\", 2);
        p += 2;
        if (!more) break;
        assert_int_equal(sscanf(p, "\x1b_Gm=%d;%n", &more, &end), 1);
    }
    assert_string_equal(p, "\n");
    seen s = from_png(png, n);
    free(png);
    return s;
}

static seen decode_iterm(const char *p, int cell_w, int cell_h) {
    int cols, rows, end = 0;
    size_t size;
    assert_int_equal(sscanf(p, "\x1b]1337;File=inline=1;size=%zu;width=%d;height=%d;preserveAspectRatio=0:%n",
                            &size, &cols, &rows, &end),
                     3);
    uint8_t *png = malloc(strlen(p));
    p += end;
    assert_int_equal(unbase64(&p, png), size);
    assert_string_equal(p, "\a\n");
    seen s = from_png(png, size);
    free(png);
    assert_true(s.w == cols * cell_w && s.h == rows * cell_h);
    return s;
}

static int number(const char **p) { return (int)strtol(*p, (char **)(uintptr_t)p, 10); }

static seen decode_sixel(const char *p) {
    static uint8_t palette[256][4];
    int w, h, x = 0, band = 0, color = 0;
    assert_memory_equal(p, "\x1bP", 2);
    p = strchr(p, 'q') + 1;
    assert_int_equal(sscanf(p, "\"1;1;%d;%d", &w, &h), 2);
    p += 1 + strspn(p + 1, "0123456789;");
    seen s = blank(w, h);
    while (*p && *p != 27) {
        int repeat = 1;
        if (*p == '#') {
            p++;
            color = number(&p);
            assert_true(color >= 0 && color < 256);
            if (*p != ';') continue;
            int v[4];
            for (int i = 0; i < 4; i++) p++, v[i] = number(&p);
            assert_int_equal(v[0], 2); /* RGB in percent */
            for (int i = 0; i < 3; i++) palette[color][i] = (uint8_t)lrint(v[i + 1] * 2.55);
            palette[color][3] = 255;
            continue;
        }
        if (*p == '$' || *p == '-') {
            x = 0;
            band += *p++ == '-';
            continue;
        }
        if (*p == '!') p++, repeat = number(&p);
        if (*p == '\n') {
            p++;
            continue;
        }
        assert_true(*p >= '?' && *p <= '~');
        for (; repeat > 0; repeat--, x++)
            for (int bit = 0; bit < 6; bit++)
                if ((*p - '?') >> bit & 1) memcpy(at(&s, x, 6 * band + bit), palette[color], 4);
        p++;
    }
    assert_memory_equal(p, "\x1b\\\n", 3);
    return s;
}

/* ---- pixels ---- */

static sn_picture load_fixture(int64_t w, int64_t h) { /* smooth, so that 256 colors do */
    sn_picture p = noise(w, h, 3);
    for (int64_t i = 0; i < w * h; i++) {
        p.data[3 * i] = (uint8_t)(255 * (i % w) / w);
        p.data[3 * i + 1] = (uint8_t)(255 * (i / w) / h);
        p.data[3 * i + 2] = 40;
    }
    return p;
}

static char *encode(const sn_picture *p, const sn_terminal *t, sn_graphics g) {
    sn_buf out = SN_BUF_INIT(1 << 26);
    sn_err e = { 0 };
    sn_pool_default(); /* made at its first use */
    size_t before = sn_mem_used();
    if (sn_graphics_encode(p, t, g, &out, &e) != SN_OK) fail_msg("%s", e.msg);
    char *text = strdup(out.data);
    assert_int_equal(strlen(text), out.len);
    sn_buf_free(&out);
    assert_int_equal(sn_mem_used(), before);
    return text;
}

static seen decode(const char *text, const sn_terminal *t, sn_graphics g) {
    int cols, rows;
    if (g == SN_GFX_SIXEL) return decode_sixel(text);
    if (g == SN_GFX_ITERM) return decode_iterm(text, t->cell_w, t->cell_h);
    seen s = decode_kitty(text, &cols, &rows);
    assert_true(cols <= t->cols && rows <= t->rows);
    assert_int_equal(s.w, cols * t->cell_w);
    assert_int_equal(s.h, rows * t->cell_h);
    return s;
}

/* The picture through the terminal against the one that its PNG file holds, k times as large. */
static void expect_same(const seen *s, const sn_image *png, int k, int tolerance) {
    double sum = 0;
    for (int y = 0; y < (int)png->h * k; y++)
        for (int x = 0; x < (int)png->w * k; x++) {
            const uint8_t *got = at(s, x, y), *want = png->data + 3 * (y / k * png->w + x / k);
            if (got[3] != 255) fail_msg("at %d, %d of %d x %d: alpha %d", x, y, s->w, s->h, got[3]);
            for (int i = 0; i < 3; i++)
                if (sum += abs(got[i] - want[i]), abs(got[i] - want[i]) > tolerance)
                    fail_msg("at %d, %d: %d, not %d", x, y, got[i], want[i]);
        }
    double mean = sum / (double)(3 * png->w * png->h * k * k);
    if (mean > tolerance / 5.0) fail_msg("colors are off by %g in the mean", mean);
}

/* Nothing beside the picture, which ends at (w, h). */
static void expect_clear(const seen *s, int w, int h) {
    for (int y = 0; y < s->h; y++)
        for (int x = 0; x < s->w; x++)
            if (x >= w || y >= h) assert_int_equal(at(s, x, y)[3], 0);
}

static void pixels_are_those_of_the_file(void **state) {
    (void)state;
    static const struct {
        int w, h, k; /* enlarged so many times at 80 x 24 characters of 10 x 20 */
    } sizes[] = { { 28, 28, 11 }, { 90, 60, 4 }, { 300, 200, 1 }, { 1, 1, 320 }, { 100, 7, 4 } };
    static const sn_graphics all[] = { SN_GFX_KITTY, SN_GFX_ITERM, SN_GFX_SIXEL };
    sn_terminal t = terminal(true, true, ENV("TERM=dumb"));
    for (size_t i = 0; i < 15; i++) {
        int w = sizes[i / 3].w, h = sizes[i / 3].h, k = sizes[i / 3].k;
        sn_err e;
        sn_picture p = load_fixture(w, h);
        assert_int_equal(sn_picture_save(&p, path, &e), SN_OK);
        sn_image png = decode_file(3);
        char *text = encode(&p, &t, all[i % 3]);
        seen s = decode(text, &t, all[i % 3]);
        expect_same(&s, &png, k, all[i % 3] == SN_GFX_SIXEL ? 30 : 0);
        if (all[i % 3] != SN_GFX_SIXEL) expect_clear(&s, w * k, h * k);
        free(s.rgba);
        free(text);
        sn_image_drop(&png);
        sn_picture_drop(&p);
    }
}

/* Few colors come through sixels as they are, but for the rounding to percents. */
static void sixels_keep_few_colors(void **state) {
    (void)state;
    sn_err e;
    sn_picture p = noise(20, 20, 3);
    for (int i = 0; i < 400; i++) memset(p.data + 3 * i, p.data[3 * i] & 0xc0, 3);
    assert_int_equal(sn_picture_save(&p, path, &e), SN_OK);
    sn_image png = decode_file(3);
    sn_terminal t = terminal(true, true, ENV("TERM=mlterm"));
    char *text = encode(&p, &t, SN_GFX_SIXEL);
    seen s = decode_sixel(text);
    expect_same(&s, &png, 16, 3);
    free(s.rgba);
    free(text);
    sn_image_drop(&png);
    sn_picture_drop(&p);
}

/* However large or narrow: within the terminal, and of the picture's shape. */
static void fits_the_terminal(void **state) {
    (void)state;
    static const int sizes[][2] = { { 1000, 300 }, { 300, 1000 }, { 3000, 10 },
                                    { 10, 3000 },  { 801, 439 },  { 28, 28 } };
    static const int screens[][4] = {
        { 80, 24, 10, 20 }, { 40, 10, 7, 15 }, { 200, 60, 9, 19 }, { 20, 3, 12, 24 }
    };
    for (size_t i = 0; i < 24; i++) {
        const int *screen = screens[i % 4], w = sizes[i / 4][0], h = sizes[i / 4][1];
        sn_terminal t = { true, true, screen[0], screen[1], screen[2], screen[3], ENV("TERM=xterm-kitty") };
        sn_picture p = load_fixture(w, h);
        char *text = encode(&p, &t, SN_GFX_KITTY);
        int cols, rows, wide = 0, high = 0;
        seen s = decode_kitty(text, &cols, &rows);
        assert_true(cols <= t.cols && rows <= (t.rows > 6 ? t.rows - 2 : 4));
        for (int y = 0; y < s.h; y++)
            for (int x = 0; x < s.w; x++)
                if (at(&s, x, y)[3]) wide = x + 1 > wide ? x + 1 : wide, high = y + 1 > high ? y + 1 : high;
        /* what of one side follows from the other's pixels */
        double off = fmin(fabs(high - (double)h * wide / w), fabs(wide - (double)w * high / h));
        if (off > 1) fail_msg("%d x %d on %d x %d: %d x %d", w, h, t.cols, t.rows, wide, high);
        free(s.rgba);
        free(text);
        sn_picture_drop(&p);
    }
}

/* ---- symbols ---- */

enum { BASE = -1 }; /* the terminal's own color */

typedef struct {
    int fg, bg; /* 0xrrggbb or BASE */
    bool inverse;
} attributes;

/* One of the 16 colors as an index above all others. */
static int color_16(int n) { return 1 << 24 | n; }

static int color_256(int n) {
    static const int level[] = { 0, 95, 135, 175, 215, 255 };
    if (n >= 232) return 0x010101 * (8 + 10 * (n - 232));
    if (n < 16) return color_16(n);
    n -= 16;
    return level[n / 36] << 16 | level[n / 6 % 6] << 8 | level[n % 6];
}

/* After "\x1b[": the numbers up to m. */
static void read_sgr(const char **p, attributes *a) {
    for (;; ++*p) {
        int n = number(p);
        if (n == 0) *a = (attributes){ BASE, BASE, false };
        if (n == 7) a->inverse = true;
        int *which = n % 10 == 8 && (n == 38 || n == 48) ? (n == 38 ? &a->fg : &a->bg) : NULL;
        if (which) {
            ++*p;
            bool direct = number(p) == 2;
            ++*p;
            int v = number(p);
            if (direct) {
                ++*p;
                v = v << 8 | number(p);
                ++*p;
                v = v << 8 | number(p);
            }
            *which = direct ? v : color_256(v);
        } else if (n >= 30) {
            bool back = (n >= 40 && n < 48) || n >= 100;
            assert_true(n < 38 || (n >= 40 && n < 48) || (n >= 90 && n < 98) || (n >= 100 && n < 108));
            *(back ? &a->bg : &a->fg) = color_16(n >= 90 ? 8 + (n - 90) % 10 : n % 10);
        }
        if (**p != ';') break;
    }
    assert_int_equal(**p, 'm');
    ++*p;
}

/* Colors of the upper and lower half of each character, two rows of cols for each line. */
static void read_symbols(const char *p, int cols, int rows, int *half) {
    attributes a = { BASE, BASE, false };
    for (int y = 0; y < rows; y++) {
        int x = 0;
        while (*p != '\n') {
            if (*p == 27) {
                assert_int_equal(p[1], '[');
                p += 2;
                read_sgr(&p, &a);
                continue;
            }
            assert_true(x < cols);
            int fg = a.inverse ? a.bg : a.fg, bg = a.inverse ? a.fg : a.bg;
            const char *symbols[] = { " ", "\u2580", "\u2584", "\u2588" };
            int i = 0;
            while (i < 4 && strncmp(p, symbols[i], strlen(symbols[i])) != 0) i++;
            if (i == 4) fail_msg("no half block: %.4s", p);
            half[2 * y * cols + x] = i & 1 ? fg : bg;
            half[(2 * y + 1) * cols + x] = i & 2 ? fg : bg;
            p += strlen(symbols[i]);
            x++;
        }
        assert_int_equal(x, cols);
        p++;
    }
    assert_int_equal(*p, 0);
}

static sn_picture two_colors(int64_t w, int64_t h, const uint8_t *a, const uint8_t *b) {
    sn_picture p = noise(w, h, 3);
    for (int64_t i = 0; i < w * h; i++) memcpy(p.data + 3 * i, p.data[3 * i] < 128 ? a : b, 3);
    return p;
}

static void symbols_have_the_colors(void **state) {
    (void)state;
    static const uint8_t red[] = { 255, 0, 0 }, white[] = { 255, 255, 255 };
    static const struct {
        sn_graphics g;
        int red, white;
    } modes[] = { { SN_GFX_TRUECOLOR, 0xff0000, 0xffffff },
                  { SN_GFX_256, 0xff0000, 0xffffff },
                  { SN_GFX_16, 1 << 24 | 9, 1 << 24 | 15 } };
    int half[28 * 28];
    sn_terminal t = terminal(true, true, ENV("TERM=xterm-256color"));
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        sn_picture p = two_colors(28, 28, red, white);
        char *text = encode(&p, &t, modes[i].g);
        read_symbols(text, 28, 14, half);
        for (int k = 0; k < 28 * 28; k++)
            assert_int_equal(half[k], p.data[3 * k + 1] ? modes[i].white : modes[i].red);
        free(text);
        sn_picture_drop(&p);
    }
    /* an odd number of rows: the last half line is the terminal's */
    sn_picture p = two_colors(28, 27, red, white);
    char *text = encode(&p, &t, SN_GFX_TRUECOLOR);
    read_symbols(text, 28, 14, half);
    for (int k = 0; k < 28 * 28; k++)
        assert_int_equal(half[k], k >= 27 * 28 ? BASE : p.data[3 * k + 1] ? 0xffffff : 0xff0000);
    free(text);
    sn_picture_drop(&p);
}

static void plain_text_has_no_codes(void **state) {
    (void)state;
    static const uint8_t black[] = { 0, 0, 0 }, white[] = { 255, 255, 255 };
    sn_terminal t = terminal(true, false, ENV("TERM=xterm-kitty"));
    sn_picture p = two_colors(28, 28, black, white);
    char *text = encode(&p, &t, SN_GFX_ASCII);
    int lines = 0, at_column = 0, inked = 0;
    for (const char *c = text; *c; c++) {
        if (*c == '\n') {
            assert_int_equal(at_column, 28);
            lines++, at_column = 0;
            continue;
        }
        assert_true(*c >= 32 && *c < 127);
        inked += *c != ' ';
        at_column++;
    }
    assert_int_equal(lines, 14);
    assert_true(inked > 100);
    free(text);
    text = encode(&p, &t, SN_GFX_256); /* colors, but no symbols that the locale has not */
    for (const char *c = text; *c; c++) assert_true(*c == 27 || *c == '\n' || (*c >= 32 && *c < 127));
    free(text);
    t.utf8 = true;
    text = encode(&p, &t, SN_GFX_MONO);
    assert_null(strchr(text, 27));
    assert_non_null(strstr(text, "\u2580"));
    free(text);
    sn_picture_drop(&p);
}

/* Without color brightness is what is left: ten shades in ASCII, five in blocks, edges by half blocks. */
static void text_has_shades(void **state) {
    (void)state;
    sn_terminal t = terminal(true, false, ENV("TERM=dumb"));
    sn_picture p = noise(60, 2, 3);
    for (int i = 0; i < 120; i++) memset(p.data + 3 * i, 255 * (i % 60 / 6) / 9, 3);
    char *text = encode(&p, &t, SN_GFX_ASCII);
    assert_string_equal(text, "      ......::::::------======++++++******######%%%%%%@@@@@@\n");
    free(text);
    t.utf8 = true;
    for (int i = 0; i < 120; i++)
        memset(p.data + 3 * i, i < 60 ? 255 * (i / 12) / 4 : i < 108 ? 255 * (i % 60 / 12) / 4 : 0, 3);
    text = encode(&p, &t, SN_GFX_MONO);
    sn_buf want = SN_BUF_INIT(300);
    sn_buf_str(&want, "            ");
    static const char *const rest[] = { "\u2591", "\u2592", "\u2593", "\u2580" };
    for (int i = 0; i < 48; i++) sn_buf_str(&want, rest[i / 12]);
    sn_buf_str(&want, "\n");
    assert_string_equal(text, want.data);
    sn_buf_free(&want);
    free(text);
    for (int k = 0; k < 3; k++) { /* green is brighter than red, and red than blue */
        memset(p.data, 0, 360);
        for (int i = 0; i < 120; i++) p.data[3 * i + k] = 255;
        text = encode(&p, &t, SN_GFX_ASCII);
        assert_int_equal(text[0], "-+."[k]);
        free(text);
    }
    sn_picture_drop(&p);
}

/* Symbols of characters that are not twice as high as wide keep the shape too. */
static void symbols_fit_the_terminal(void **state) {
    (void)state;
    static const int sizes[][2] = { { 1000, 300 }, { 300, 1000 }, { 3000, 10 }, { 28, 28 } };
    static const int screens[][4] = {
        { 80, 24, 10, 20 }, { 40, 10, 10, 10 }, { 120, 50, 8, 24 }, { 1, 1, 10, 20 }
    };
    for (size_t i = 0; i < 16; i++) {
        const int *screen = screens[i % 4], w = sizes[i / 4][0], h = sizes[i / 4][1];
        sn_terminal t = { true, false, screen[0], screen[1], screen[2], screen[3], ENV("TERM=dumb") };
        sn_picture p = load_fixture(w, h);
        char *text = encode(&p, &t, SN_GFX_ASCII);
        int cols = (int)strcspn(text, "\n"), rows = 0;
        for (const char *c = text; *c; c++) rows += *c == '\n';
        assert_true(cols >= 1 && cols <= t.cols && rows >= 1 && rows <= (t.rows > 6 ? t.rows - 2 : 4));
        double wide = cols * t.cell_w, high = rows * t.cell_h, scale = fmin(wide / w, high / h);
        assert_true(wide - scale * w < 1.01 * t.cell_w + 1 && high - scale * h < 1.01 * t.cell_h + 1);
        free(text);
        sn_picture_drop(&p);
    }
}

static void runs_out_of_memory(void **state) {
    (void)state;
    sn_picture p = load_fixture(500, 500);
    sn_terminal t = terminal(true, true, ENV("TERM=xterm-256color"));
    size_t before = sn_mem_used();
    int failures = 0;
    for (int64_t n = 1;; n++) {
        sn_buf out = SN_BUF_INIT(1 << 26);
        sn_err e = { 0 };
        sn_mem_fail_after(n);
        sn_status s = sn_graphics_encode(&p, &t, SN_GFX_256, &out, &e);
        sn_mem_fail_after(-1);
        sn_buf_free(&out);
        assert_int_equal(sn_mem_used(), before);
        if (s == SN_OK) break;
        assert_int_equal(s, SN_ENOMEM);
        failures++;
    }
    assert_true(failures >= 4);
    sn_picture_drop(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chooses_by_rule),
        cmocka_unit_test(is_overridden),
        cmocka_unit_test(pixels_are_those_of_the_file),
        cmocka_unit_test(sixels_keep_few_colors),
        cmocka_unit_test(fits_the_terminal),
        cmocka_unit_test(symbols_have_the_colors),
        cmocka_unit_test(plain_text_has_no_codes),
        cmocka_unit_test(text_has_shades),
        cmocka_unit_test(symbols_fit_the_terminal),
        cmocka_unit_test(runs_out_of_memory),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
