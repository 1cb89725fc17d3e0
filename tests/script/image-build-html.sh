#!/bin/sh
# The page that a build leaves, in a browser: nothing outside itself, bars
# and fields where they belong, names that are no markup, on any width.
set -eu
. tests/lib.sh
need_root
command -v chromium >/dev/null || skip "no chromium"
scratch
mkdir -p "$T/el/odd/install.d" "$T/tmp"
cat >"$T/el/odd/install.d/50-odd" <<'END'
#!/bin/bash
set -eu
mkdir -p '/opt/<script>alert(1)' /srv/data
printf '%3000000s' x >'/opt/<script>alert(1)/x'
printf '%1000000s' x >/srv/data/y
sleep 0.3
END
chmod 755 "$T/el/odd/install.d/50-odd"
ELEMENTS_PATH=$T/el:$PWD/tests/elements TMP_DIR=$T/tmp timeout 120 \
	image-build -q --no-cache --image-cache "$T/cache" -o "$T/image" -t raw \
	-n tiny-os odd >/dev/null || fail "not built"
page=$T/image.html
if grep -nE '(src|href)=|url\(|@import|<script' "$page"; then
	fail "the page needs something beside it"
fi
has 'install.d/50-odd' "$page"

# What the browser makes of it: measured by a script in a copy.
cat >"$T/measure" <<'END'
<script>
const inside = (svg) => {
	const s = svg.getBoundingClientRect();
	return [...svg.querySelectorAll('rect')].every(r => {
		const b = r.getBoundingClientRect();
		return b.left >= s.left - 1 && b.right <= s.right + 1 &&
		    b.top >= s.top - 1 && b.bottom <= s.bottom + 1 && b.width > 0;
	});
};
const map = document.querySelector('svg.map');
const times = document.querySelector('svg.times');
const area = [...map.querySelectorAll('rect')].reduce((sum, r) =>
	sum + r.width.baseVal.value * r.height.baseVal.value, 0);
const out = {
	bars: times.querySelectorAll('rect').length > 0,
	inside: inside(times) && inside(map),
	full: area > 0.97 * map.viewBox.baseVal.width * map.viewBox.baseVal.height,
	wide: document.documentElement.scrollWidth <= window.innerWidth,
	scripts: document.querySelectorAll('svg script, pre script').length,
	odd: map.textContent.includes('/opt/<script>alert'),
};
document.title = JSON.stringify(out);
</script>
END
sed "/<\/body>/{
r $T/measure
d
}" "$page" >"$T/measured.html"
for width in 1100 420; do
	timeout 100 chromium --headless --no-sandbox --disable-gpu \
		--disable-dev-shm-usage --user-data-dir="$T/profile" \
		--window-size=$width,1200 --dump-dom "file://$T/measured.html" \
		>"$T/dom" 2>"$T/log" || {
		cat "$T/log"
		fail "chromium shows it"
	}
	got=$(sed -n 's/.*<title>\({.*}\)<\/title>.*/\1/p' "$T/dom" | head -n 1)
	[ "$got" = '{"bars":true,"inside":true,"full":true,"wide":true,"scripts":0,"odd":true}' ] ||
		fail "at $width: $got"
done
