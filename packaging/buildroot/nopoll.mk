################################################################################
#
# nopoll
#
################################################################################

NOPOLL_VERSION = 0.5.0
NOPOLL_SITE = $(NOPOLL_PKGDIR)/../..
NOPOLL_SITE_METHOD = local
NOPOLL_LICENSE = MIT or Apache-2.0
NOPOLL_LICENSE_FILES = LICENSE-MIT LICENSE-APACHE
NOPOLL_INSTALL_STAGING = YES
NOPOLL_DEPENDENCIES = host-rustc
NOPOLL_MAKE_ENV = $(PKG_CARGO_ENV)
NOPOLL_CONF_OPTS = \
	-DNOPOLL_RUST_TARGET=$(RUSTC_TARGET_NAME) \
	-DNOPOLL_CARGO=$(HOST_DIR)/bin/cargo

ifeq ($(BR2_PACKAGE_NOPOLL_TLS),y)
NOPOLL_DEPENDENCIES += host-pkgconf openssl
NOPOLL_CONF_OPTS += -DNOPOLL_TLS=ON
else
NOPOLL_CONF_OPTS += -DNOPOLL_TLS=OFF
endif

ifeq ($(BR2_PACKAGE_NOPOLL_DEFLATE),y)
NOPOLL_CONF_OPTS += -DNOPOLL_DEFLATE=ON
else
NOPOLL_CONF_OPTS += -DNOPOLL_DEFLATE=OFF
endif

ifeq ($(BR2_STATIC_LIBS),y)
NOPOLL_CONF_OPTS += -DNOPOLL_BUILD_SHARED=OFF
else ifeq ($(BR2_SHARED_LIBS),y)
NOPOLL_CONF_OPTS += -DNOPOLL_BUILD_STATIC=OFF
endif

$(eval $(cmake-package))
