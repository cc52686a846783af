/* The table of probes. */
#include "train/probe.h"

#define SN_PROBE(name) extern const sn_probe_type sn_probe_##name;
#include "train/probes.def"
#undef SN_PROBE

static const sn_desc *const list[] = {
#define SN_PROBE(name) &sn_probe_##name.desc,
#include "train/probes.def"
#undef SN_PROBE
    NULL
};

const sn_kind sn_kind_probe = { "probe", list, NULL };

const sn_probe_type *sn_probe_type_of(const sn_obj *o) { return (const sn_probe_type *)(const void *)o->desc; }

int sn_probe_columns(const sn_probe_type *t) {
    int n = 0;
    while (t->columns[n].name) n++;
    return n;
}
