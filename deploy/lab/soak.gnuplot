# Draws what "make soak" has sampled: gnuplot -e "csv='soak.csv'" soak.gnuplot > soak.svg
set terminal svg size 900,1000 background "white"
set datafile separator ","
set lmargin 10
set rmargin 26
set key at screen 0.99, graph 1
set yrange [0:*]
set xlabel "minutes"
# 200 points are enough for the eye.
stats csv skip 1 using 1 nooutput
step = int(STATS_records/200)+1
set multiplot layout 4,1
set ylabel "MiB"
plot csv skip 1 every step using ($1/60):($2/1048576) with lines title "resident memory", \
     csv skip 1 every step using ($1/60):($3/1048576) with lines title "Go heap"
set ylabel "count"
plot csv skip 1 every step using ($1/60):4 with lines title "descriptors", \
     csv skip 1 every step using ($1/60):5 with lines title "goroutines", \
     csv skip 1 every step using ($1/60):7 with lines title "queued events"
set ylabel "ms"
plot csv skip 1 every step using ($1/60):8 with lines title "user to answer, p50", \
     csv skip 1 every step using ($1/60):9 with lines title "p99"
set ylabel "MiB"
plot csv skip 1 every step using ($1/60):($6/1048576) with lines title "store"
unset multiplot
