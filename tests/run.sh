#!/usr/bin/env bash
# Installs what the tests need and runs all of them: formatting, lints as errors, every test, the
# documentation build. Prints the test counts at the end. Needs Rust and a C compiler; installs
# the other programs that it uses where they are missing.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TERM_COLOR=never CARGO_INCREMENTAL=0

step() { printf '\n== %s\n' "$*"; }

step "real counterparts"
# A test that needs one of these fails without it; none passes by doing nothing.
for need in git curl strace patch bash jq openssl script:bsdutils; do
    tool=${need%%:*} package=${need##*:}
    if ! command -v "$tool" >/dev/null; then
        echo "installing $package, for '$tool'"
        (apt-get update -qq && apt-get install -y -qq --no-install-recommends "$package") >/dev/null ||
            { echo "'$tool' is missing and '$package' cannot be installed" >&2; exit 1; }
    fi
    echo "$tool: $(command -v "$tool")"
done

# Programs of Python, each in a place of its own: the S3 server of tests/it/bucket.rs, what drives every route of
# the API in tests/it/api/described.rs, and the vendor's client of tests/it/atoms.
for need in ministack==1.5.33:ministack schemathesis==4.32.5:schemathesis smallestai==4.4.7:sdk; do
    package=${need%%:*} dir=target/${need##*:}
    if [ "$("$dir/bin/pip" list --format=freeze 2>/dev/null | grep -i "^${package%%==*}==")" != "$package" ]; then
        echo "installing $package"
        command -v python3 >/dev/null && python3 -c 'import ensurepip' 2>/dev/null ||
            (apt-get update -qq && apt-get install -y -qq --no-install-recommends python3 python3-venv) >/dev/null
        # What is there may be of another place or an older release.
        rm -rf "$dir"
        mkdir -p target
        python3 -m venv "$dir" && "$dir/bin/pip" install -q "$package" ||
            { echo "$package cannot be installed" >&2; exit 1; }
    fi
    echo "$package: $dir"
done

# Programs of Node, for tests/it/bucket_others.rs: Azure's own stand-in, and an S3 server that ignores conditions.
node_packages=(azurite@3.35.0 s3rver@3.7.1)
is_installed() { grep -qs "\"version\": *\"${1##*@}\"" "target/npm/node_modules/${1%%@*}/package.json"; }
if ! { is_installed "${node_packages[0]}" && is_installed "${node_packages[1]}"; }; then
    echo "installing ${node_packages[*]}"
    command -v npm >/dev/null ||
        (apt-get update -qq && apt-get install -y -qq --no-install-recommends nodejs npm) >/dev/null
    # In one go: npm removes what a command does not name.
    rm -rf target/npm && mkdir -p target/npm
    npm install --prefix target/npm --no-save --no-audit --no-fund --loglevel=error "${node_packages[@]}" ||
        { echo "${node_packages[*]} cannot be installed" >&2; exit 1; }
fi
echo "${node_packages[*]}: target/npm"

step "formatting"
cargo fmt --all -- --check

step "lints"
cargo clippy --locked --all-targets -- -D warnings

step "tests"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
cargo test --locked --all-targets -- --test-threads=4 2>&1 | tee "$log"
cargo test --locked --doc 2>&1 | tee -a "$log"

step "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps

step "the demo, as a new user runs it"
cargo build --locked --release
demo=$(mktemp -d)
trap 'rm -rf "$log" "$demo"' EXIT
./target/release/recto demo "$demo/store" | tail -n 5
./target/release/recto --store "$demo/store/.recto" fsck

passed=$(awk '/^test result:/ { n += $4 } END { print n + 0 }' "$log")
failed=$(awk '/^test result:/ { n += $6 } END { print n + 0 }' "$log")
printf '\n%s passed, %s failed\n' "$passed" "$failed"
