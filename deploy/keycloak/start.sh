#!/bin/bash
# Keycloak, and the realm that it imports, take secrets from the environment only: give them those of the files.
set -eu

secret() {
  local value
  value=$(</run/secrets/"$2")
  export "$1=$value"
}

secret KC_DB_PASSWORD keycloak_database_password
secret KC_BOOTSTRAP_ADMIN_PASSWORD keycloak_admin_password
secret BFF_CLIENT_SECRET bff_client_secret
secret PROXY_CLIENT_SECRET proxy_client_secret
secret GUEST_PROXY_CLIENT_SECRET guest_proxy_client_secret
secret DEMO_PASSWORD demo_password

exec "${KEYCLOAK:-/opt/keycloak/bin/kc.sh}" start --import-realm
