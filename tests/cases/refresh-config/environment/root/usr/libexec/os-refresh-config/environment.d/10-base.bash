# Sourced by bash: arrays and tests are fine.
list=(one two)
[[ -n ${list[1]} ]]
export FROM_ARRAY=${list[1]}
echo "the first fragment"
