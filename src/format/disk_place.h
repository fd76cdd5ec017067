/*
 * Where a utility VM's disks are: each is a virtio-blk device on the first PCI bus, at the place of
 * its number (the protocol's "lun"). One device a slot as long as that is enough, then the slots'
 * further functions. Host and guest count alike.
 */
#ifndef CAISSON_FORMAT_DISK_PLACE_H
#define CAISSON_FORMAT_DISK_PLACE_H

#define DISK_PARTS_SLOT 3  /* the disk with what few machines need, which has no number */
#define DISK_SLOT_FIRST 4  /* before it the machine's other devices are */
#define DISK_SLOTS      27 /* up to 30: the last is q35's own */
#define DISK_PLACES     (DISK_SLOTS * 8)

#define DISK_SLOT(number)     (DISK_SLOT_FIRST + (number) % DISK_SLOTS)
#define DISK_FUNCTION(number) ((number) / DISK_SLOTS)

#endif
