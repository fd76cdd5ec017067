/*
 * Turns the entries of a layer's tar into files of an ext4. Whiteouts (OCI image specification,
 * "Layer Filesystem Changeset") become what overlayfs understands: ".wh.NAME" a character device
 * 0:0, ".wh..wh..opq" the attribute trusted.overlay.opaque of its directory.
 */
#ifndef CAISSON_LAYER_CONVERT_H
#define CAISSON_LAYER_CONVERT_H

#include "format/tar.h"
#include "layer/ext4.h"

int convert_tar(struct tar_reader *tar, struct ext4 *fs, struct error *err);

#endif
