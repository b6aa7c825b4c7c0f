package nginxconf

import (
	"os"
	"path/filepath"
	"slices"
)

// subfolders are what distributions and panels have beside nginx.conf.
var subfolders = []string{
	"sites-available", "sites-enabled", "conf.d", "http.d", "default.d", "snippets", "forge-conf", "vhost.d", "vhosts", "servers",
}

// folderOf finds the folder to which nginx takes the relative paths in a file:
// that of nginx.conf, wherever the file itself is.
func folderOf(file string) string {
	own, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return filepath.Dir(file)
	}
	if isRegular(filepath.Join(own, "nginx.conf")) {
		return own
	}
	for at := own; at != filepath.Dir(at); at = filepath.Dir(at) {
		if slices.Contains(subfolders, filepath.Base(at)) {
			return filepath.Dir(at)
		}
	}
	return own
}

func isRegular(file string) bool {
	info, err := os.Stat(file)
	return err == nil && info.Mode().IsRegular()
}
