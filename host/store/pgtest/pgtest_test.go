//go:build unix

package pgtest_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/store/pgtest"
)

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), url)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func TestDatabasesAreSeparate(t *testing.T) {
	ctx := context.Background()
	one, two := connect(t, pgtest.URL(t)), connect(t, pgtest.URL(t))
	_, err := one.Exec(ctx, `CREATE TABLE things (name TEXT)`)
	require.NoError(t, err)
	_, err = two.Exec(ctx, `SELECT * FROM things`)
	require.ErrorContains(t, err, "does not exist")
}

func TestTemplate(t *testing.T) {
	ctx, filled := context.Background(), 0
	template := pgtest.NewTemplate(func(url string) error {
		filled++
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			return err
		}
		defer conn.Close(ctx)
		_, err = conn.Exec(ctx, `CREATE TABLE things AS SELECT 'first' AS name`)
		return err
	})
	for range 3 { // each as it was filled, whatever others have done to theirs
		conn := connect(t, template.URL(t))
		var names string
		require.NoError(t, conn.QueryRow(ctx, `SELECT string_agg(name, ' ') FROM things`).Scan(&names))
		require.Equal(t, "first", names)
		_, err := conn.Exec(ctx, `INSERT INTO things VALUES ('second')`)
		require.NoError(t, err)
	}
	if os.Getenv(pgtest.EnvURL) == "" {
		require.Equal(t, 1, filled)
	}
}

// asChild, when set, makes TestServerEndsWithItsProcess the process that ends.
const asChild = "PICLOUD_TEST_PGTEST_CHILD"

func TestServerEndsWithItsProcess(t *testing.T) {
	if os.Getenv(pgtest.EnvURL) != "" {
		t.Skip("the server is not ours")
	}
	url := pgtest.URL(t) // skips the test if there is no PostgreSQL
	if os.Getenv(asChild) != "" {
		fmt.Println(url)
		select {} // until killed
	}

	child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), asChild+"=1")
	output, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	line, err := bufio.NewReader(output).ReadString('\n')
	require.NoError(t, err)
	conn := connect(t, line[:len(line)-1])

	require.NoError(t, child.Process.Kill())
	require.Error(t, child.Wait())
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err = conn.WaitForNotification(ctx)
	require.Error(t, err)
	require.NoError(t, ctx.Err(), "the server still runs a minute after its process was killed")
}
