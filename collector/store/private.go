package store

import "os"

// keepPrivate makes the state file where it is missing, and takes it from everybody
// else where it is there: the database would let all read it who may enter the
// directory, and it tells what instances do. Its journals get its permissions. What
// does not succeed is told by whoever opens the file next.
func keepPrivate(path string) {
	if f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o640); err == nil {
		_ = f.Close() // nothing was written
	}
	for _, path := range []string{path, path + "-wal", path + "-shm"} { // a kill leaves all three
		if fi, err := os.Lstat(path); err == nil && fi.Mode().IsRegular() && fi.Mode().Perm()&0o007 != 0 {
			_ = os.Chmod(path, fi.Mode().Perm()&^0o007)
		}
	}
}
