# TensorFlow 1.15 on the CPU.
#   docker build -f cluster/tf1.Dockerfile -t two-head:tf1 .
#
# GPUs up to Turing: the wheel is built for CUDA 10.0 and cuDNN 7.6, which are on neither PyPI nor
# this image; put them on the library path.
# Newer GPUs: NVIDIA's own TensorFlow, nvidia-tensorflow 1.15.5+nv23.03, is for Python 3.8 and not
# on PyPI; its last container is nvcr.io/nvidia/tensorflow:23.03-tf1-py3, whose code reaches compute
# capability 9.0. Start from it instead, and install what requirements.txt lists for Python 3.7
# except tensorflow-gpu. This has not been tried.
FROM python:3.7-slim
WORKDIR /app
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
COPY . .
CMD ["python", "main.py"]
