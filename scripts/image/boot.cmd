# Chooses the slot, in the words of U-Boot; README.md says what order and left mean.
if test "${board}" = "qemu-arm"; then
  setenv consoles "console=tty1 console=ttyAMA0,115200"
  setenv packed_at 0x50000000
  setenv kernel_at 0x40400000
  setenv initramfs_at 0x58000000
else
  # The UART of the Pi 5 is ttyAMA10, that of the others ttyS1; what is not there is passed over.
  setenv consoles "console=tty1 console=ttyAMA10,115200 console=ttyS1,115200"
  setenv packed_at 0x08000000
  setenv kernel_at 0x00080000
  setenv initramfs_at 0x0c000000
fi
if test -n "${fdt_addr}"; then setenv tree ${fdt_addr}; else setenv tree ${fdtcontroladdr}; fi
# Out of the way first: the Pi's firmware may have put it where the kernel is unpacked.
if test "${board}" != "qemu-arm"; then
  if fdt addr ${tree}; then
    fdt move ${tree} 0x0b000000 0x40000
    setenv tree 0x0b000000
  fi
fi
setenv kernel_comp_addr_r ${packed_at}
setenv kernel_comp_size 0x04000000

setenv order "a b"
setenv left 9
if load ${devtype} ${devnum}:1 ${packed_at} boot.env; then
  env import -t ${packed_at} ${filesize} order left
fi
setenv first
setenv second
for slot in ${order}; do
  if test -z "${first}"; then setenv first ${slot}; else setenv second ${slot}; fi
done

if test "${left}" = 0; then
  setenv slots "${second} ${first}"
else
  setenv slots "${first} ${second}"
  if test "${left}" != 9; then
    setexpr left ${left} - 1
    # A block as before, and as long, so that it is written where it lies: the first line of the old
    # one (25 bytes), both variables, and # up to the end. Numbers are hexadecimal.
    mw.b ${kernel_at} 23 400
    cp.b ${packed_at} ${kernel_at} 19
    env export -t ${initramfs_at} order left
    setexpr size ${filesize} - 1
    setexpr at ${kernel_at} + 19
    cp.b ${initramfs_at} ${at} ${size}
    fatwrite ${devtype} ${devnum}:1 ${kernel_at} boot.env 400
  fi
fi

for slot in ${slots}; do
  if load ${devtype} ${devnum}:1 ${kernel_at} ${slot}/kernel && load ${devtype} ${devnum}:1 ${initramfs_at} ${slot}/initramfs; then
    echo "Gatehouse, slot ${slot}"
    setenv bootargs "${consoles} quiet panic=10 gatehouse.disk=@DISK@ gatehouse.slot=${slot}"
    booti ${kernel_at} ${initramfs_at}:${filesize} ${tree}
  fi
done
echo "No slot can be started."
