package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"slices"
	"testing"
)

func TestZZ(t *testing.T) {
	if os.Getenv("ZZ") == "" {
		t.Skip()
	}
	ctx := t.Context()
	private := &cluster{}
	defer private.close()
	u1, _ := private.url()
	u2, _ := private.url()
	n, err := openNode(ctx, u1, openPostgres)
	if err != nil {
		t.Fatal(err)
	}
	defer n.close(ctx)
	r, err := openRiver(ctx, u2, riverPeers[0].fetchEvery)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close(ctx)
	var a, b []float64
	xacts := func() (c int) {
		r.pool.QueryRow(ctx, "select pg_stat_get_db_xact_commit(oid) from pg_database where datname=$1", u1[strings.LastIndex(u1[:strings.Index(u1, "?")], "/")+1:strings.Index(u1, "?")]).Scan(&c)
		return
	}
	cpu := func() (g, p float64) {
		var ru syscall.Rusage
		syscall.Getrusage(0, &ru)
		g = float64(ru.Utime.Sec+ru.Stime.Sec)*1e6 + float64(ru.Utime.Usec+ru.Stime.Usec)
		pid, _ := os.ReadFile("/tmp/speedpg/data/postmaster.pid")
		pm := strings.Fields(string(pid))[0]
		all, _ := filepath.Glob("/proc/[0-9]*/stat")
		for _, f := range all {
			x, _ := os.ReadFile(f)
			i := strings.LastIndex(string(x), ")")
			if i < 0 {
				continue
			}
			w := strings.Fields(string(x)[i+1:])
			var u, s float64
			if strings.HasPrefix(string(x), pm+" ") {
				fmt.Sscan(w[13], &u)
				fmt.Sscan(w[14], &s)
				p += (u + s) * 1e4
				continue
			}
			if w[1] != pm {
				continue
			}
			fmt.Sscan(w[11], &u)
			fmt.Sscan(w[12], &s)
			p += (u + s) * 1e4
		}
		return
	}
	for i := range 7 {
		for left := 5000; left > 0; left -= 1000 {
			n.push(ctx, 1000)
			r.push(ctx, 1000)
		}
		g0, p0 := cpu()
		x, err := drain(ctx, n, 0)
		if err != nil {
			t.Fatal(err)
		}
		g1, p1 := cpu()
		fmt.Println("xacts", xacts())
		y, err := drain(ctx, r, 0)
		g2, p2 := cpu()
		fmt.Printf("us/event ours go %.0f pg %.0f  river go %.0f pg %.0f\n", (g1-g0)/5000, (p1-p0)/5000, (g2-g1)/5000, (p2-p1)/5000)
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			a, b = append(a, x), append(b, y)
		}
		fmt.Printf("ours %.0f river %.0f\n", x, y)
	}
	slices.Sort(a)
	slices.Sort(b)
	fmt.Printf("median ours %.0f river %.0f ratio %.2f; best %.2f\n", a[len(a)/2], b[len(b)/2], a[len(a)/2]/b[len(b)/2], a[len(a)-1]/b[len(b)-1])
}
