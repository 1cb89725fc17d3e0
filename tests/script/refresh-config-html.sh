#!/bin/sh
# The page of status --html in a browser: its picture, and that nothing of
# what hooks print gets out of its place.
set -eu
command -v chromium >/dev/null || {
	echo "no chromium"
	exit 77
}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cp -r tests/cases/refresh-config/status/root "$tmp/root"
refresh-config --root "$tmp/root" status --html "$tmp/page.html"
fail() {
	echo "not so: $*"
	exit 1
}
# Nothing outside itself.
grep -nE '(src|href)=|url\(|@import|<script' "$tmp/page.html" &&
    fail "the page needs nothing beside it and runs nothing"

# What the browser makes of it: measured by a script in a copy.
cat >"$tmp/measure" <<'X'
<script>
const rects = [...document.querySelectorAll('svg rect')];
const svg = document.querySelector('svg').getBoundingClientRect();
const out = {
    bars: rects.length,
    colours: new Set(rects.map(r => getComputedStyle(r).fill)).size,
    inside: rects.every(r => {
	const b = r.getBoundingClientRect();
	return b.left >= svg.left && b.right <= svg.right &&
	    b.top >= svg.top && b.bottom <= svg.bottom && b.width > 0;
    }),
    labels: [...document.querySelectorAll('svg text')].every(t =>
	t.getBoundingClientRect().left >= 0),
    ordered: rects.every((r, i) => i === 0 ||
	r.x.baseVal.value >= rects[i - 1].x.baseVal.value),
    wide: document.documentElement.scrollWidth <= window.innerWidth,
    scripts: document.querySelectorAll('pre script, td script').length,
    red: document.body.textContent.includes('</pre><script>alert(1)'),
};
document.title = JSON.stringify(out);
</script>
X
sed "/<\/body>/{
r $tmp/measure
d
}" "$tmp/page.html" >"$tmp/measured.html"
for width in 1100 420; do
	chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage \
	    --user-data-dir="$tmp/profile" --window-size=$width,1200 \
	    --dump-dom "file://$tmp/measured.html" >"$tmp/dom" 2>"$tmp/log" || {
		cat "$tmp/log"
		fail "chromium shows it"
	}
	got=$(sed -n 's/.*<title>\(.*\)<\/title>.*/\1/p' "$tmp/dom" | head -n 1)
	[ "$got" = '{"bars":5,"colours":2,"inside":true,"labels":true,"ordered":true,"wide":true,"scripts":0,"red":true}' ] ||
	    fail "at $width: $got"
done
