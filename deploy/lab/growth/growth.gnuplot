# Draws how costs grow: gnuplot -e "csv='endpoints.csv'; axis='endpoints'; logs=1; unit=1" growth.gnuplot > endpoints.svg
set terminal svg size 760,300 font "sans,11" background "white"
set datafile separator ","
set grid
set yrange [0:*]
set multiplot layout 1,3
unset key
set style data linespoints
set xlabel (unit > 1 ? "KiB of a stanza" : axis)
if (logs) { set logscale x; set format x "10^{%L}"; unset mxtics } else { set xrange [0:*] }
set title "events/s"
plot csv skip 1 using (logs && $1==0 ? 1 : $1/unit):2 lw 2 pt 7
set title "µs of CPU an event"
plot csv skip 1 using (logs && $1==0 ? 1 : $1/unit):3 lw 2 pt 7
set title "resident memory, MiB"
plot csv skip 1 using (logs && $1==0 ? 1 : $1/unit):4 lw 2 pt 7
unset multiplot
