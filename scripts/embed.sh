#!/bin/sh
# Writes C source with the given Lua files as byte arrays: sh scripts/embed.sh lua/sonde/*.lua > embedded.c
# lua/sonde/run.lua becomes the module "sonde.run", lua/sonde/init.lua the module "sonde".
set -eu
LC_ALL=C
export LC_ALL
echo '#include "bind/embedded.h"'
i=0
rows=
for file in "$@"; do
    i=$((i + 1))
    name=${file#lua/}
    name=${name%.lua}
    name=${name%/init}
    name=$(printf '%s' "$name" | tr / .)
    printf 'static const unsigned char file_%d[] = {\n' "$i"
    od -An -v -tx1 "$file" | awk '{ for (k = 1; k <= NF; k++) printf "0x%s,", $k; printf "\n" }'
    printf '0 };\n'
    rows="$rows    { \"$name\", file_$i, sizeof file_$i - 1 },
"
done
printf 'const sn_embedded sn_embedded_files[] = {\n%s    { 0, 0, 0 }\n};\n' "$rows"
