# Written by the panel: keep these lines.
include forge-conf/app.example.com/before/*;

server {
    listen 443 ssl http2;
    listen [::]:443 ssl http2;
    server_name app.example.com;
    server_tokens off;
    root /home/forge/app.example.com/current/public;

    ssl_certificate /etc/nginx/ssl/app.example.com/1/server.crt;
    ssl_certificate_key /etc/nginx/ssl/app.example.com/1/server.key;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_dhparam /etc/nginx/dhparams.pem;

    add_header X-Frame-Options "SAMEORIGIN";
    index index.html index.php;
    charset utf-8;

    include forge-conf/app.example.com/server/*;

    location / {
        try_files $uri $uri/ /index.php?$query_string;
    }
    location = /favicon.ico { access_log off; log_not_found off; }
    error_page 404 /index.php;
    location ~ \.php$ {
        fastcgi_pass unix:/var/run/php/php8.4-fpm.sock;
        include fastcgi_params;
    }
    location ~ /\.(?!well-known).* { deny all; }
}

include forge-conf/app.example.com/after/*;
