#!/usr/bin/env bash
# Builds, checks and times the CUDA backend on a machine with a GPU, from a bare checkout with nothing to download, in under
# nine minutes:
#   benchmarks/cuda/run_on_device.sh [FOLDER FOR LOGS, default build/device]
# Needs nvcc, g++ and cuBLASLt. The parity check needs the headers of Eigen and doctest as well (and nlohmann/json for the
# training test): where they are not installed, name folders that hold them in MULTIFUSE_INCLUDES, separated by colons.
# Golden tensors of MBT, UAVM and LAVISH are checked on the GPU as well where MULTIFUSE_GOLDEN_DIR (default ../shared/golden)
# has them. The card's settings stay as they are.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit

logs=${1:-build/device}
objects=$(mktemp -d)
trap 'rm -rf "$objects"' EXIT
mkdir -p "$logs"
passed=0 failed=0 skipped=0

# Counts one result and says it.
result() {
  case $1 in
    passed) passed=$((passed + 1)) ;;
    failed) failed=$((failed + 1)) ;;
    skipped) skipped=$((skipped + 1)) ;;
  esac
  echo "$1: $2 ($SECONDS s)"
}
finish() {
  echo "$passed passed, $failed failed, $skipped skipped in $SECONDS s; logs in $logs"
  ((failed == 0))
  exit
}

nvcc=$(command -v nvcc || echo "${CUDA_PATH:-/usr/local/cuda}/bin/nvcc")
if [[ ! -x $nvcc ]]; then
  result failed "there is no nvcc: put it on the PATH or name its folder in CUDA_PATH"
  finish
fi
libraries=$(cd "$(dirname "$(readlink -f "$nvcc")")/../lib64" 2>/dev/null && pwd)
capability=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | head -n 1 | tr -d .)
[[ $capability =~ ^[0-9]+$ ]] || capability=90
nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2>/dev/null || echo "nvidia-smi finds no GPU"
"$nvcc" --version | grep release

flags=(-std=c++20 -arch="sm_$capability" -Werror=all-warnings -Iinclude)
link=(-lcublasLt ${libraries:+-L"$libraries" -Xlinker -rpath="$libraries"})
IFS=: read -ra includes <<<"${MULTIFUSE_INCLUDES:-}"
for folder in ${includes[@]+"${includes[@]}"} /usr/include/eigen3 /usr/local/include/eigen3; do
  [[ -d $folder ]] && flags+=(-isystem "$folder")
done
has_header() { echo "#include <$1>" | "$nvcc" "${flags[@]}" -x cu -E - -o /dev/null 2>/dev/null; }

# As many compilers as processors and memory (2 GiB each) allow.
jobs=$(nproc)
memory=$(awk '/^MemAvailable/ {print int($2 / 2097152)}' /proc/meminfo)
((memory < jobs)) && jobs=$((memory < 1 ? 1 : memory))

# The sources to compile: the timing program first, then the parity program where its headers are.
timing_sources=(benchmarks/cuda/time_blocks.cu benchmarks/cuda/time_bf16.cu)
sources=("${timing_sources[@]}")
missing=()
for header in Eigen/Core doctest/doctest.h; do has_header "$header" || missing+=("$header"); done
if ((${#missing[@]} == 0)); then
  parity_sources=(tests/backend/*.cu)
  for source in tests/device/*.cpp; do
    if grep -q '<multifuse/io/checkpoint.hpp>' "$source" && ! has_header nlohmann/json.hpp; then
      result skipped "$source: nlohmann/json.hpp is missing"
      continue
    fi
    parity_sources+=("$source")
  done
  golden_sources=(tests/golden/{mbt,mbt_bf16,uavm,lavish_adapter}.cpp)
  golden=$(realpath -m "${MULTIFUSE_GOLDEN_DIR:-../shared/golden}")
  if ! has_header nlohmann/json.hpp; then
    result skipped "golden tensors: nlohmann/json.hpp is missing"
  elif mkdir "$objects/golden" && g++ -std=c++20 tests/golden/generate_config.cpp -o "$objects/generate_config" "${flags[@]:4}"; then
    flags+=(-I"$objects")
    for source in "${golden_sources[@]}"; do
      case=$(sed -n '1s|^// goldens: ||p' "$source")
      if [[ ! -r $golden/${case}_a.safetensors ]]; then
        result skipped "$source: $golden/${case}_a.safetensors is missing"
      elif "$objects/generate_config" "$golden/${case}_a.safetensors" "$case" "$objects/golden/$case.hpp"; then
        parity_sources+=("$source")
      else
        result failed "$source: its configuration is not made"
      fi
    done
  else
    result failed "golden tensors: what makes their configurations does not compile"
  fi
  sources+=("${parity_sources[@]}")
else
  parity_sources=()
  result skipped "parity: headers are missing: ${missing[*]}"
fi

# Compiles one source; the object is there only if that succeeded. What the host does is timed as well, so it is optimized.
compile() {
  local optimized=()
  [[ $1 == benchmarks/* ]] && optimized=(-O2)
  timeout 300 "$nvcc" "${flags[@]}" ${optimized[@]+"${optimized[@]}"} -Itests -x cu -c "$1" -o "$objects/$(basename "$1").o" >"$logs/$(basename "$1").log" 2>&1
}
running=0
for source in "${sources[@]}"; do
  ((running >= jobs)) && wait -n
  compile "$source" &
  running=$((running + 1))
done
wait
built() {  # built <program> <source>...: links it, if all its objects are there
  local program=$1 source list=()
  shift
  for source in "$@"; do
    if [[ ! -s $objects/$(basename "$source").o ]]; then
      result failed "$source does not compile"
      tail -n 20 "$logs/$(basename "$source").log"
      return 1
    fi
    list+=("$objects/$(basename "$source").o")
  done
  if ! "$nvcc" -arch="sm_$capability" "${list[@]}" -o "$objects/$program" "${link[@]}" >"$logs/link_$program.log" 2>&1; then
    result failed "$program does not link"
    tail -n 20 "$logs/link_$program.log"
    return 1
  fi
}
# Runs a program of at most that many seconds into a log; 77 means that it found no GPU.
run() {
  local name=$1 limit=$2 code
  shift 2
  timeout "$limit" "$@" >"$logs/$name.log" 2>&1
  code=$?
  case $code in
    0) result passed "$name" ;;
    77) result skipped "$name: no CUDA device answers" ;;
    124) result failed "$name took more than $limit s" ;;
    *)
      result failed "$name ended with $code"
      grep -m 20 -E 'ERROR|TEST CASE|off by|failed|=====' "$logs/$name.log"
      ;;
  esac
  return $code
}

echo "compiled ${#sources[@]} files with $jobs jobs ($SECONDS s)"
if ((${#parity_sources[@]})) && built cuda_parity "${parity_sources[@]}"; then
  run parity 120 "$objects/cuda_parity"
  sanitizer=$(command -v compute-sanitizer || echo "$(dirname "$nvcc")/compute-sanitizer")
  if [[ ! -x $sanitizer ]]; then
    result skipped "there is no compute-sanitizer"
  else
    # memcheck counts errors on purpose as well; watching shared memory is slow, so a few sizes of attention are enough
    refused="*cannot be captured*,failure:*" many="*on a GPU: heads*,*on a GPU: numbers*,*tensor cores, sizes*"
    run memcheck 100 "$sanitizer" --tool memcheck --error-exitcode 1 "$objects/cuda_parity" \
      --test-case-exclude="$refused"
    run racecheck 60 "$sanitizer" --tool racecheck --error-exitcode 1 --kernel-name kernel_substring=multifuse \
      "$objects/cuda_parity" --test-case-exclude="$refused,$many"
  fi
fi
if built time_blocks "${timing_sources[@]}"; then
  remaining=$((530 - SECONDS))
  run timing $((remaining > 20 ? remaining : 20)) "$objects/time_blocks" 0.5
fi

for name in parity timing; do
  [[ -s $logs/$name.log ]] && echo && grep -E '^\||^float32|^TF32|^bf16|multiprocessors' "$logs/$name.log"
done
echo
finish
