/* The Lua files of lua/, as scripts/embed.sh packs them into the program. */
#ifndef SN_BIND_EMBEDDED_H
#define SN_BIND_EMBEDDED_H

#include <stddef.h>

typedef struct {
    const char *module; /* "sonde.run" */
    const unsigned char *data;
    size_t size;
} sn_embedded;

extern const sn_embedded sn_embedded_files[]; /* ends with a row whose module is NULL */

#endif
