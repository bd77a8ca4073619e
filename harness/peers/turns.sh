# shellcheck shell=bash
# turns.sh: sourced by the scripts beside it, which set rounds, threads and torch.
# LAYOUTS: the memory formats of PyTorch that are measured (default: both).
# Prints one row a measurement, key=value, then a line of medians: seconds and
# peak resident memory of one process, and ours over the faster of PyTorch's two
# memory formats.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# peak COMMAND...: runs it and adds a line with the peak of its memory in MiB.
peak() {
  python3 -c 'import resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
print("peak_mib", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
sys.exit(code)' "$@"
}

# ours PACKAGE BENCHMARK NET TIMES: one row from a Go benchmark.
ours() {
  local test=$work/${1//\//-}.test
  [ -e "$test" ] || (cd "$here/../.." && CGO_ENABLED=0 go test -c -o "$test" "./$1")
  (cd "$here/../../$1" && GOMAXPROCS=$threads peak "$test" -test.run '^$' -test.bench "^Benchmark$2\$/^${3//\//\$/^}\$" -test.benchtime "${4}x") |
    awk -v net="$3" -v threads="$threads" '
      /^Benchmark/ { for (i = 2; i <= NF; i++) if ($i == "ns/op") s = $(i-1) / 1e9 }
      /^peak_mib/ { if (!s) { print "no benchmark " net >"/dev/stderr"; exit 1 }
        printf "%s procedure=ours layout=- threads=%d seconds=%.4f peak_mib=%d\n", net, threads, s, $2 }'
}

# turns PACKAGE BENCHMARK PROGRAM WORK NET PROCEDURES ARGS...: ours and the peer's
# procedures in both memory formats, in turn.
turns() {
  local package=$1 benchmark=$2 program=$3 kind=$4 net=$5 procedures=$6 rows i procedure layout load
  shift 6
  read -r load _ </proc/loadavg
  rows=$work/rows
  : >"$rows"
  for i in $(seq "$rounds"); do
    ours "$package" "$benchmark" "$net" "${times:-3}" | tee -a "$rows"
    for procedure in $procedures; do
      for layout in ${LAYOUTS:-first last}; do
        "${torch[@]}" "$here/$program" --work "$kind" --procedure "$procedure" --layout "$layout" --threads "$threads" --warm "${warm:-2}" --rounds "${times:-2}" "$@" | tee -a "$rows"
      done
    done
  done
  medians "${net#net=} $kind" "$rows"
  awk -v load="$load" 'BEGIN { if (load > 0.5) print "# the load was " load " before: libraries that wait in a loop are slow beside others, compare nothing" }'
}

# medians TITLE FILE: one line from the rows.
medians() {
  awk -v title="$1" -v rounds="$rounds" '
    function median(list, n, i, j, v, t) {
      n = split(list, v, " ")
      for (i = 1; i <= n; i++) for (j = i + 1; j <= n; j++) if (v[j] + 0 < v[i] + 0) { t = v[i]; v[i] = v[j]; v[j] = t }
      return (v[int((n + 1) / 2)] + v[int((n + 2) / 2)]) / 2
    }
    { for (i = 1; i <= NF; i++) { split($i, kv, "="); f[kv[1]] = kv[2] }
      who = f["procedure"] == "ours" ? "ours" : "torch," f["procedure"] "," f["layout"]
      if (!(who in s)) order[++k] = who
      s[who] = s[who] " " f["seconds"]; m[who] = m[who] " " f["peak_mib"] }
    END {
      printf "# %s, medians of %d:", title, rounds
      for (i = 1; i <= k; i++) {
        t = median(s[order[i]]); split(order[i], p, ",")
        printf " %s %.3f s %d MiB;", order[i], t, median(m[order[i]])
        if (p[1] == "ours") o = t; else if (!(p[2] in best)) { best[p[2]] = t; name[++names] = p[2] } else if (t < best[p[2]]) best[p[2]] = t
      }
      for (i = 1; i <= names; i++) printf " ours/%s %.3f", name[i], o / best[name[i]]
      print ""
    }' "$2"
}
